from pathlib import Path

from tests.unit.admin.front_door import MINT, FrontDoor, front_door
from tests.unit.admin.public import INVOICE, KEY, TOKEN

PAY = "/admin/setup/pay"
PART = {"HX-Request": "true"}


async def enter(at: FrontDoor) -> None:
    await at.sign_in()
    await at.options.change({"cashu_mints": [MINT]})


async def test_an_invoice_is_shown_until_it_is_paid_and_then_spent(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        await enter(at)
        page = (await at.get(PAY)).body
        assert page.index(b"cheap") < page.index(b"dear")
        assert b"unpriced" not in page
        assert (await at.post(f"{PAY}/invoice", sats="100")).header("location") == PAY
        shown = (await at.get(PAY)).body
        assert str(INVOICE["bolt11"]).encode() in shown
        assert str(INVOICE["invoice_id"]).encode() not in shown
        assert b"Waiting" in (await at.get(f"{PAY}/state", PART)).body
        at.public.paid = True
        assert (await at.get(f"{PAY}/state", PART)).header("hx-redirect") == PAY
        paid = (await at.get(PAY)).body
        assert KEY.encode() not in paid
        done = (await at.post(f"{PAY}/request", model="cheap")).body.decode()
        assert "Hello &lt;b&gt;operator" in done
        assert KEY in done
        assert "1.500" in done
        assert "98.500" in done
        assert at.public.asked[-2][2] == KEY or at.public.asked[-1][2] == KEY
        assert (await at.get("/admin/setup")).header("location") == "/admin"
        rest = (await at.post(f"{PAY}/refund", key=KEY)).body.decode()
        assert "cashuBrest" in rest
        assert "0.500" in rest


async def test_a_token_pays_as_well(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        await enter(at)
        refused = await at.post(f"{PAY}/request", model="cheap", token="cashuBspent")
        assert (refused.status, b"Refused." in refused.body) == (400, True)
        done = await at.post(f"{PAY}/request", model="cheap", token=f" {TOKEN} ")
        assert KEY.encode() in done.body


async def test_what_was_paid_is_not_lost_when_the_request_fails(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        await enter(at)
        at.public.broken = True
        failed = await at.post(f"{PAY}/request", model="cheap", token=TOKEN)
        assert (failed.status, KEY.encode() in failed.body) == (400, True)
        at.public.broken = False
        done = await at.post(f"{PAY}/request", model="cheap", key=KEY)
        assert b"Hello" in done.body


async def test_an_invoice_that_cannot_be_is_told(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        await enter(at)
        for sats in ("", "x", "0", "-5"):
            assert (await at.post(f"{PAY}/invoice", sats=sats)).status == 400
        at.cookies["routstr_first_invoice"] = "odd"
        assert (await at.get(PAY)).status == 200
        assert (await at.post(f"{PAY}/request", model="cheap")).header("location") == PAY


async def test_another_way_is_open_with_an_invoice_in_hand(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        await enter(at)
        await at.post(f"{PAY}/invoice", sats="100")
        await at.post(f"{PAY}/forget")
        assert b"textarea" in (await at.get(PAY)).body


async def test_without_a_mint_the_page_leads_to_the_mints(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        await at.sign_in()
        assert b'href="/admin/setup/mints"' in (await at.get(PAY)).body

import re
from pathlib import Path

from routstr.auth.terms import NO_TERMS
from tests.unit.admin.keys.bureau import open_bureau


def tokens_in(page: str) -> set[str]:
    return set(re.findall(r"cashuB[\w-]+", page))


async def test_a_token_is_shown_by_its_form_and_by_nothing_else(tmp_path: Path) -> None:
    async with open_bureau(tmp_path) as at:
        here = f"/admin/keys/{(await at.key(64)).key_id}"
        first = await at.text(f"{here}/withdraw", {"amount": "5", "call": "a"})
        [text] = tokens_in(first)
        assert tokens_in(await at.text(f"{here}/withdraw", {"amount": "5", "call": "a"})) == {text}
        plain = await at.text(here)
        assert tokens_in(plain) == set()
        [again] = re.findall(rf"{here}/tokens/\d+", plain)
        assert tokens_in(await at.text(again, {})) == {text}
        wrong = await at.page(f"{here}/withdraw", {"amount": "500", "call": "b"})
        assert (wrong.status, b"less than that" in wrong.body) == (402, True)


async def test_every_form_does_what_it_says(tmp_path: Path) -> None:
    async with open_bureau(tmp_path, own=16) as at:
        payer = await at.key(64)
        here = f"/admin/keys/{payer.key_id}"
        rules = {"name": "Bob", "note": "n", "limit": "7", "reset": "daily", "until": "2999-12-31"}
        assert (await at.page(f"{here}/rules", rules)).status == 303
        shown = await at.text(f"{here}?done=rules")
        for piece in ("7 sat a day", 'value="2999-12-31"', "Saved"):
            assert piece in shown
        assert (await at.page(f"{here}/topup", {"amount": "6", "call": "t"})).status == 303
        assert (await at.page(f"{here}/topup", {"amount": "60", "call": "u"})).status == 409
        assert (await at.page(f"{here}/rules", {"name": "", "until": "x"})).status == 400
        assert (await at.page(f"{here}/expire", {})).status == 303
        assert (await at.page(f"{here}/revoke", {"refund": "x", "call": "r"})).status == 400
        gone = await at.text(f"{here}/revoke", {"refund": "token", "call": "r"})
        assert "The key is revoked" in gone
        assert len(tokens_in(gone)) == 1
        detail = await at.told("GET", f"/apikeys/{payer.key_id}")
        assert (detail["state"], detail["balance"], detail["name"]) == ("revoked", 0, "Bob")


async def test_what_was_written_stays_in_the_form_that_was_refused_and_in_no_other(
    tmp_path: Path,
) -> None:
    async with open_bureau(tmp_path) as at:
        here = f"/admin/keys/{(await at.key(64)).key_id}"
        rules = {"name": "Eve", "note": "mine", "limit": "-1", "reset": "weekly", "until": ""}
        refused = (await at.page(f"{here}/rules", rules)).body.decode()
        for piece in ('name="name" value="Eve"', 'name="note" value="mine"', 'value="-1"'):
            assert piece in refused
        assert '<option value="weekly" selected>' in refused
        assert 'name="name" value=""' in await at.text(here)
        paid = {"refund": "lightning", "address": "", "call": "r"}
        refused = (await at.page(f"{here}/revoke", paid)).body.decode()
        assert 'name="refund" value="lightning" checked' in refused
        assert refused.count(" checked") == 1
        for more in ({"reset": "daily", "limit": ""}, {"until": "2020-01-01"}, {"limit": "1,000"}):
            assert (await at.page(f"{here}/rules", {**rules, "limit": "5", **more})).status == 400
        refused = (await at.page(f"{here}/withdraw", {"amount": "x", "call": "w"})).body.decode()
        assert refused.count('name="amount" value="x"') == 1


async def test_a_child_and_a_hold_are_shown(tmp_path: Path) -> None:
    async with open_bureau(tmp_path) as at:
        payer = await at.key(64)
        await at.children.create(payer, 1, NO_TERMS)
        await at.world.hold(payer.account, 2)
        [child] = (await at.told("GET", f"/apikeys/{payer.key_id}"))["children"]
        parent = await at.text(f"/admin/keys/{payer.key_id}")
        assert "Requests under way" in parent
        assert child["id"] in parent
        told = await at.text(f"/admin/keys/{child['id']}")
        assert payer.key_id in told
        assert (
            await at.page(f"/admin/keys/{child['id']}/revoke", {"refund": "none", "call": "c"})
        ).status == 200
        for path in ("", "/expire", "/topup", "/rules", "/withdraw"):
            fields = None if not path else {"call": "x", "amount": "1"}
            assert (await at.page(f"/admin/keys/key_x{path}", fields)).status == 404

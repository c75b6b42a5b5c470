from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.unit.admin.front_door import MINT, PASSWORD, FrontDoor, front_door

SETUP = "/admin/setup"


@asynccontextmanager
async def begun(folder: Path) -> AsyncIterator[FrontDoor]:
    """Somebody has come with the link and set the password."""
    async with front_door(folder, given="") as at:
        link = await at.first_run.open()
        assert link is not None
        code = link.partition("code=")[2]
        answer = await at.post(f"{SETUP}/password", code=code, password=PASSWORD)
        assert answer.header("location") == f"{SETUP}/node"
        yield at


def mints(at: FrontDoor) -> tuple[str, ...]:
    return at.options.effective.settings.cashu_mints


async def test_the_link_leads_to_the_password_and_no_other_address_does(tmp_path: Path) -> None:
    async with front_door(tmp_path, given="") as at:
        link = await at.first_run.open()
        assert link is not None
        assert b'name="password"' in (await at.get(link)).body
        for path in (SETUP, f"{SETUP}?code=guess"):
            body = (await at.get(path)).body
            assert b'name="password"' not in body
            assert b"docker logs" in body
        answer = await at.post(f"{SETUP}/password", code="guess", password=PASSWORD)
        assert answer.status == 403
        code = link.partition("code=")[2]
        short = await at.post(f"{SETUP}/password", code=code, password="short")
        assert (short.status, b'name="password"' in short.body) == (400, True)
        assert not at.cookies


async def test_a_link_that_was_used_leads_to_the_sign_in(tmp_path: Path) -> None:
    async with begun(tmp_path) as at:
        at.cookies.clear()
        answer = await at.post(f"{SETUP}/password", code="x", password="another horse")
        assert answer.header("location") == "/admin/login"
        assert (await at.get(SETUP)).header("location") == "/admin/login"


async def test_each_step_is_saved_at_once_and_gone_on_from(tmp_path: Path) -> None:
    async with begun(tmp_path) as at:
        answer = await at.post(f"{SETUP}/node", name="Bob's", description="Models.")
        assert answer.header("location") == f"{SETUP}/mints"
        assert at.options.effective.settings.name == "Bob's"
        at.cookies.clear()
        assert (await at.sign_in()).header("location") == SETUP
        assert (await at.get(SETUP)).header("location") == f"{SETUP}/mints"
        await at.post(f"{SETUP}/mints/skip")
        assert (await at.get(SETUP)).header("location") == f"{SETUP}/provider"
        assert (await at.post(f"{SETUP}/later")).header("location") == "/admin"
        assert (await at.get(SETUP)).header("location") == "/admin"
        assert (await at.sign_in()).header("location") == "/admin"


async def test_a_mint_is_looked_at_before_it_is_used_and_its_words_are_escaped(
    tmp_path: Path,
) -> None:
    async with begun(tmp_path) as at:
        odd = await at.post(f"{SETUP}/mints", url="http://10.0.0.1", do="use")
        assert (odd.status, b"must be https" in odd.body) == (400, True)
        seen = await at.post(f"{SETUP}/mints", url=MINT)
        assert b"&lt;b&gt;a mint" in seen.body
        assert b"NUT-09" in seen.body
        assert mints(at) == ()
        await at.post(f"{SETUP}/mints", url=MINT, do="use")
        assert mints(at) == (MINT,)
        assert MINT.encode() in (await at.get(f"{SETUP}/mints")).body
        await at.post(f"{SETUP}/mints", url=MINT, do="remove")
        assert mints(at) == ()


async def test_a_provider_is_looked_at_and_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where no file says what is sold
    async with begun(tmp_path) as at:
        fields = {"kind": "generic", "base_url": "https://models.example.com/v1"}
        added = await at.post(f"{SETUP}/provider", **fields, api_key="sk-planted-key")
        assert b"good" in added.body
        assert b"planted" not in added.body
        twice = await at.post(f"{SETUP}/provider", **fields, api_key="sk-planted-key")
        assert twice.status == 409
        assert at.options.effective.settings.model_sources == ("file", "upstream", "openrouter")


@pytest.mark.parametrize(
    ("margin", "factor"), [("10", "1.1"), ("7,5 %", "1.075"), ("0", "1"), ("5.00", "1.05")]
)
async def test_the_margin_is_said_in_percent(margin: str, factor: str, tmp_path: Path) -> None:
    async with begun(tmp_path) as at:
        answer = await at.post(f"{SETUP}/margin", margin=margin)
        assert answer.header("location") == f"{SETUP}/payout"
        assert str(at.options.effective.settings.upstream_provider_fee) == factor


@pytest.mark.parametrize("margin", ["", "much", "-200", "NaN", "Infinity", "9" * 60])
async def test_a_margin_that_is_none_is_told_in_its_place(margin: str, tmp_path: Path) -> None:
    async with begun(tmp_path) as at:
        answer = await at.post(f"{SETUP}/margin", margin=margin)
        assert answer.status == 400
        assert b"notice bad" in answer.body or b"aria-invalid" in answer.body


async def test_a_wrong_lightning_address_is_told_at_its_field(tmp_path: Path) -> None:
    async with begun(tmp_path) as at:
        answer = await at.post(f"{SETUP}/payout", address="nobody")
        assert (answer.status, b'aria-invalid="true"' in answer.body) == (400, True)
        answer = await at.post(f"{SETUP}/payout", address="bob@example.com")
        assert answer.header("location") == f"{SETUP}/pay"


@pytest.mark.parametrize("language", ["en", "de", "es"])
async def test_every_step_is_shown_in_every_language(language: str, tmp_path: Path) -> None:
    async with begun(tmp_path) as at:
        at.cookies["routstr_language"] = language
        for step in ("node", "mints", "provider", "margin", "payout", "pay"):
            answer = await at.get(f"{SETUP}/{step}")
            assert answer.status == 200
            assert answer.header("content-language") == language

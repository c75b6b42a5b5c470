import re
from pathlib import Path

from routstr.auth.terms import KeyTerms
from routstr.wallet import token
from tests.unit.admin.keys.bureau import open_bureau

_OWN = {"funds": "own", "amount": "5"}


def secret_in(page: str) -> list[str]:
    return re.findall(r"sk-[0-9a-f]{64}", page)


async def test_the_list_shows_filters_and_finds(tmp_path: Path) -> None:
    async with open_bureau(tmp_path) as at:
        assert "No keys yet" in await at.text("/admin/keys")
        payer = await at.key(8, terms=KeyTerms(name="<b>Bob</b>"))
        listed = await at.text("/admin/keys")
        assert "&lt;b&gt;Bob" in listed
        assert f"/admin/keys/{payer.key_id}" in listed
        assert secret_in(listed) == []
        assert payer.key_id in await at.text("/admin/keys?search=%3Cb")
        assert payer.key_id not in await at.text("/admin/keys?search=nobody")
        assert payer.key_id not in await at.text("/admin/keys?which=revoked")
        assert payer.key_id in await at.text("/admin/keys?which=nonsense")


async def test_a_new_key_is_shown_once_for_each_time_its_form_is_sent(tmp_path: Path) -> None:
    async with open_bureau(tmp_path, own=16) as at:
        assert 'name="call"' in await at.text("/admin/keys/new")
        own = {"funds": "own", "amount": "5", "name": "gift", "call": "a", "until": "2999-01-01"}
        made = await at.text("/admin/keys/new", own)
        assert secret_in(made) == secret_in(await at.text("/admin/keys/new", own))
        [row] = (await at.told("GET", "/apikeys"))["keys"]
        assert (row["name"], row["balance"]) == ("gift", 5_000)
        text = token.encode_b(at.world.mint().token(4))
        paid = await at.text("/admin/keys/new", {"funds": "token", "token": text, "call": "b"})
        assert len(set(secret_in(paid))) == 1
        again = await at.text("/admin/keys/new", {"funds": "token", "token": text, "call": "c"})
        assert secret_in(again) == []
        assert "has paid for a key before" in again


async def test_what_cannot_be_made_is_told_beside_what_was_written(tmp_path: Path) -> None:
    async with open_bureau(tmp_path) as at:
        wrong = await at.page(
            "/admin/keys/new", {"funds": "own", "amount": "5", "name": "gift", "call": "a"}
        )
        assert wrong.status == 409
        assert 'value="gift"' in wrong.body.decode()
        for fields in (
            {"amount": "x", "funds": "own"},
            {"reset": "x", "limit": "1"},
            _OWN | {"reset": "daily"},
            _OWN | {"until": "2020-01-01"},
        ):
            assert (await at.page("/admin/keys/new", {"call": "a", **fields})).status == 400

from pathlib import Path

from tests.unit.admin.keys.bureau import open_bureau

HERE = "/admin/transactions"


async def test_each_list_shows_filters_and_is_a_file(tmp_path: Path) -> None:
    async with open_bureau(tmp_path) as at:
        for path in ("", "/invoices", "/tokens"):
            assert 'class="empty"' in await at.text(HERE + path)
        key = (await at.key(8)).key_id
        made = await at.told("POST", "/withdraw", {"key": key, "amount": 3})
        assert key in await at.text(f"{HERE}?kind=refund&key={key}&from=2000-01-01")
        assert key not in await at.text(f"{HERE}?kind=payout")
        assert key in await at.text(f"{HERE}/tokens?status=issued")
        assert made["token"][:30] not in await at.text(f"{HERE}/tokens")
        for query in ("?key=key_x", "?from=x", "/invoices?search=x", "/tokens?status=x"):
            wrong = await at.page(HERE + query)
            assert (wrong.status >= 400, b'role="alert"' in wrong.body) == (True, True)
        file = await at.page(f"{HERE}/export/transfers.csv?kind=refund&to=2999-01-01")
        assert file.body.count(b"\r\n") == 2
        assert (await at.page(f"{HERE}/export/transfers.csv?to=1999-01-01")).body.count(b"\n") == 1


async def test_days_that_end_before_they_begin_are_refused(tmp_path: Path) -> None:
    async with open_bureau(tmp_path) as at:
        backwards = "?from=2026-12-31&to=2026-01-01"
        for path in ("", "/export/transfers.csv"):
            refused = await at.page(f"/admin/transactions{path}{backwards}")
            assert (refused.status, b"2026-01-01 is before" in refused.body) == (400, True)
        assert (await at.page("/admin/transactions?from=2026-01-01&to=2026-01-01")).status == 200


async def test_the_mint_is_asked_about_one_row(tmp_path: Path) -> None:
    async with open_bureau(tmp_path) as at:
        key = (await at.key(8)).key_id
        made = await at.told("POST", "/withdraw", {"key": key, "amount": 3})
        asked = await at.page(f"{HERE}/tokens/{made['id']}/check", {})
        assert asked.status == 303
        assert (await at.page(f"{HERE}/tokens/999/check", {})).status == 404

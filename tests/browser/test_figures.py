"""What pages and API say of money is what the verification recomputes from the books."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from playwright.async_api import Page, expect

from devkit.upstream import Shape, chat
from routstr.core.clock import SystemClock
from routstr.ledger.kinds import AccountKind
from routstr.payment.audit import Audit
from routstr.theme.texts import words
from tests.browser.scene import PASSWORD, Scene

GIFT_SAT, PAID_OUT_SAT = 400, 50
_DAY_MS = 86_400_000
_sat = words("en").sat
Told = dict[str, tuple[object, object]]
"""By where it stands: what is right, and what is said."""


class Truth(NamedTuple):
    """``named``: the node's own accounts. ``key``: posted, held and spent. All in msat."""

    audit: Audit
    named: Mapping[str, int]
    owed_to_keys: int
    transit: int
    key: tuple[int, int, int]
    earned_today: int


@dataclass
class Viewer:
    """Asks the API and looks at pages, as operator and as the client who owns ``secret``."""

    scene: Scene
    operator: Page
    client: Page
    secret: str
    id: str
    token: str

    async def ask(self, path: str) -> Any:
        """What the admin API says."""
        headers = {"Authorization": f"Bearer {self.token}"}
        reply = await self.scene.house.client.call("GET", f"/admin/api/{path}", headers=headers)
        assert reply.status == 200, reply.body
        return reply.json

    async def tiles(self, path: str) -> dict[str, str]:
        """The first figure under each name on a page."""
        await self.operator.goto(path)
        found: dict[str, str] = {}
        for text in await self.operator.locator(".tile").all_inner_texts():
            name, value, *_ = text.split("\n")
            found.setdefault(name, value.removesuffix(" sat"))
        return found


async def test_every_page_says_what_the_verification_finds(
    scene: Scene, page: Page, operator: Page
) -> None:
    async with asyncio.timeout(100), _lived(scene, page, operator) as viewer:
        before, told = None, Told()
        while before != (before := await _truth(viewer)):  # nothing moved in the meantime
            told = {
                **await _of_the_node(viewer, before),
                **await _of_a_key(viewer, before),
                **await _of_the_books(viewer, before),
            }
    assert before.audit.holds
    assert len(told) > 30
    assert {where: both for where, both in told.items() if both[0] != both[1]} == {}


@asynccontextmanager
async def _lived(scene: Scene, page: Page, operator: Page) -> AsyncIterator[Viewer]:
    """After gift, payout, refund and invoice there is a request under way."""
    client, payer = scene.house.client, scene.payer
    gift = {"token": await payer.token(GIFT_SAT)}
    assert (await client.call("POST", "/v1/balance/donate", json=gift)).status == 200
    login = await client.call("POST", "/admin/api/login", json={"password": PASSWORD})
    paid_out = await client.call(
        "POST",
        "/admin/api/wallet/payouts",
        headers={"Authorization": f"Bearer {login.json['token']}"},
        json={"to": scene.bob.address, "amount_sat": PAID_OUT_SAT},
    )
    assert paid_out.status == 200, paid_out.body
    secret = await client.new_key(await payer.token(700))
    await client.chat(secret)
    assert (await client.refund(await client.new_key(await payer.token(20)))).status == 200
    invoice = {"amount_sats": 21}
    await client.call("POST", "/v1/balance/lightning/invoice", json=invoice)
    gate = asyncio.Event()
    scene.house.upstream.next(chat(shape=Shape(gate=gate)))
    running = asyncio.create_task(client.chat(secret))
    await client.wait_for_hold(secret, held=True)
    key = (await client.info(secret)).json["id"]
    await page.goto("/key")
    await page.fill("#f-key", secret)
    await page.click("#enter button")
    await page.locator("#opened").wait_for()
    try:
        yield Viewer(scene, operator, page, secret, key, login.json["token"])
    finally:
        gate.set()
        await running


async def _truth(viewer: Viewer) -> Truth:
    house = viewer.scene.house
    accounts = await house.rows("SELECT kind, name, posted FROM accounts")
    key = await house.rows(
        "SELECT a.posted, a.held, a.spent FROM accounts a JOIN api_keys k ON k.account = a.id"
        f" WHERE k.public_id = '{viewer.id}'"
    )
    midnight = SystemClock().now_ms() // _DAY_MS * _DAY_MS
    ((earned,),) = await house.rows(
        "SELECT sum(CASE WHEN t.credit = a.id THEN t.amount ELSE -t.amount END) FROM transfers t"
        f" JOIN accounts a ON a.kind = {AccountKind.REVENUE} AND a.id IN (t.credit, t.debit)"
        f" WHERE t.created_at >= {midnight}"
    )
    return Truth(
        await house.audit(),
        {name: posted for _, name, posted in accounts if name is not None},
        sum(posted for kind, _, posted in accounts if kind == AccountKind.KEY),
        -sum(posted for kind, _, posted in accounts if kind == AccountKind.TRANSIT),
        key[0],
        earned,
    )


async def _of_the_node(viewer: Viewer, truth: Truth) -> Told:
    """Sums, mints and earnings: overview, wallet, and their API."""
    audit, wallet = truth.audit, await viewer.ask("wallet")
    own = audit.assets + truth.transit - audit.owed
    at_mints = {(mint["url"], at["unit"]): at for mint in wallet["mints"] for at in mint["places"]}
    balances = {(at["mint_url"], at["unit"]): at for at in await viewer.ask("balances")}
    summary = await viewer.ask("usage/summary?hours=48")
    verified = await viewer.ask("wallet/verification")
    told: Told = {
        "wallet: held": (audit.assets, wallet["held_msat"]),
        "wallet: owed": (audit.owed, wallet["owed_msat"]),
        "wallet: yours": (own, wallet["yours_msat"]),
        "wallet: between": (truth.transit, wallet["between_msat"]),
        "usage: revenue": (truth.named["revenue"], summary["revenue_msats"]),
        "the node's own verification": (True, verified["holds"]),
    }
    front = await viewer.tiles("/admin")
    rows = await viewer.operator.locator("[sse-swap=money] tbody tr").all_inner_texts()
    shown = [row.split("\t") for row in rows]
    told["overview page: revenue"] = (_sat(truth.earned_today), front["Revenue"])
    sums = [_sat(audit.assets), _sat(audit.owed), _sat(own)]
    told["overview page"] = sums, [front[x] for x in ("Held in ecash", "Owed to clients", "Yours")]
    tiles = await viewer.tiles("/admin/wallet")
    told["wallet page"] = sums, [tiles[name] for name in ("Held", "Owed", "Yours")]
    for at in audit.holdings:
        place, have = at_mints[at.mint, at.unit], [at.liquid, at.reserved, at.issued]
        where = f"{at.mint} {at.unit}"
        told[f"wallet: {where}"] = have, [place[x] for x in ("liquid", "reserved", "given_out")]
        held = balances[at.mint, at.unit]
        told[f"balances: {where}"] = sum(have[:2]), held["wallet_balance"]
        told[f"overview page: {where}"] = (
            [f"{amount:,} {at.unit}" for amount in have],
            next([row[1], row[2], row[4]] for row in shown if row[0] == at.mint),
        )
    return told


async def _of_a_key(viewer: Viewer, truth: Truth) -> Told:
    """The list of keys, one of them, and what its owner is told."""
    posted, held, spent = truth.key
    figures = {"balance": posted - held, "reserved": held, "total_spent": spent}
    listed = (await viewer.ask("apikeys?limit=500"))["keys"]
    own = next(one for one in listed if one["id"] == viewer.id)
    info = (await viewer.scene.house.client.info(viewer.secret)).json
    told: Told = {
        "keys: all": (
            truth.owed_to_keys,
            sum(one["total"] for one in listed if one["parent"] is None),
        )
    }
    one = await viewer.ask(f"apikeys/{viewer.id}")
    for name, right in figures.items():
        told[f"keys: {name}"] = right, own[name]
        told[f"key: {name}"] = right, one[name]
        told[f"client: {name}"] = right, info[name]
    texts = [_sat(right) for right in figures.values()]
    tiles = await viewer.tiles(f"/admin/keys/{viewer.id}")
    told["key page"] = texts, [tiles[name] for name in ("Available", "Held", "Spent")]
    await viewer.operator.goto(f"/admin/keys?search={viewer.id}")
    row = (await viewer.operator.locator("tbody tr").inner_text()).split("\t")
    told["keys page"] = texts, [cell.removesuffix(" sat") for cell in row[2:5]]
    page = viewer.client
    await page.goto("/key")
    await expect(page.locator("#spent")).to_have_text(re.compile("sat"))
    for name, text in zip(("balance", "reserved", "spent"), texts, strict=True):
        told[f"client's page: {name}"] = f"{text} sat", await page.inner_text(f"#{name}")
    return told


async def _of_the_books(viewer: Viewer, truth: Truth) -> Told:
    """All transfers add up to every account of the node's own, and to the key's."""
    sums: Counter[str] = Counter()
    before: int | None = None
    while True:
        more = f"&before={before}" if before else ""
        part = await viewer.ask(f"transfers?limit=500{more}")
        for one in part["transfers"]:
            sums[one["credit_key"] or one["credit"]] += one["amount"]
            sums[one["debit_key"] or one["debit"]] -= one["amount"]
        if (before := part["next_before"]) is None:
            break
    told: Told = {
        f"transfers: {name}": (posted, sums[name]) for name, posted in truth.named.items()
    }
    told["transfers: the key"] = truth.key[0], sums[viewer.id]
    mine = (await viewer.ask(f"transfers?key={viewer.id}"))["transfers"]
    await viewer.operator.goto(f"/admin/transactions?key={viewer.id}")
    cells = await viewer.operator.locator("tbody td[data-label=Amount]").all_inner_texts()
    told["transactions page"] = [f"{_sat(one['amount'])} sat" for one in mine], cells
    return told

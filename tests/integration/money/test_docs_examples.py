"""The examples of the documents, typed as they stand: every curl line and every piece of Python."""

import asyncio
import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from tests.integration.money.conftest import Purse, on_sqlite
from tests.integration.money.house import Client, House, Reply
from tests.unit.docs_commands import lines, pages
from tests.unit.docs_markdown import ROOT, blocks, call_of

NODE: Final = "http://127.0.0.1:8000"
MODELS: Final = re.compile(r"\b(?:smollm2|gpt-4o-mini)\b")
NOBODYS: Final = '"lightning_address": "me@example.com"'
"""There is no such address, and no network to look for it."""
CREDENTIALS: Final = ("Authorization", "X-Cashu", "x-api-key")
SATS: Final = 100
_VARIABLE: Final = re.compile(r"\$\(?(\w+)\)?")
PAGES: Final = [
    path
    for path in pages()
    if re.search(r"^curl |^```python", path.read_text("utf-8"), re.MULTILINE)
]


@dataclass
class Typist:
    """Who types the lines of one page, with a key, tokens and what earlier answers told."""

    client: Client
    purse: Purse
    page: str
    known: dict[str, str] = field(default_factory=dict)
    last_token: str = ""
    typed: int = 0

    async def type(self, line: str) -> None:
        """Send what a curl line asks for; it must be answered as the page promises."""
        asked = call_of(shlex.split(line, comments=True))
        body = None if asked.body is None else await self.fill(asked.body, asked.url)
        headers = {name: await self.fill(value, asked.url) for name, value in asked.headers}
        url = (await self.fill(asked.url, "")).removeprefix(self.client.url)
        self.last_token = headers.get("X-Cashu", self.last_token)
        reply = await self.client.call(asked.method, url, headers=headers, data=body)
        assert reply.status == expected(line), (line, reply.status, reply.body[:300])
        self.typed += 1
        self.learn(reply)
        if "Authorization" in headers and "x-routstr-cost-msats" in reply.headers:
            self.known["REQUEST_ID"] = reply.headers["x-routstr-request-id"]

    async def fill(self, text: str, url: str) -> str:
        """Variables, placeholders and models of the page, as they are at this node."""
        for name in set(_VARIABLE.findall(text)):
            text = re.sub(rf"\$\(?{name}\b\)?", await self.variable(name), text)
        while "cashuB..." in text:
            claim = url.endswith("/wallet/refund") and self.last_token
            text = text.replace("cashuB...", claim or await self.token(), 1)
        text = text.replace("sk-...", await self.variable("KEY")).replace(NODE, self.client.url)
        text = text.replace("lnbc10u1p4s90...", self.known.get("bolt11", "no invoice yet"))
        text = text.replace("key_0cda1cb5ea8b7f40", self.known.get("child", "no child yet"))
        return MODELS.sub("good", text).replace("https://mint.example", self.purse.mint.url)

    async def variable(self, name: str) -> str:
        if name in {"BASE", "node"}:
            return self.client.url + "/v1" * (name == "BASE")
        if name == "uuidgen":
            return str(uuid4())
        if name not in self.known:
            assert name in {"KEY", "TOKEN"}, f"{self.page} uses {name} before it is known"
            token = await self.token()
            made = await self.client.new_key(token) if name == "KEY" else token
            self.known[name] = made
        return self.known[name]

    async def token(self) -> str:
        text = await self.purse.token(SATS)
        self.client.secrets.add(text)
        return text

    def learn(self, reply: Reply) -> None:
        """Remember what later lines of the page speak of."""
        told: dict[str, Any] = reply.json if reply.body.startswith(b"{") else {}
        names = {"invoice_id": "INVOICE_ID", "bolt11": "bolt11"}
        self.known |= {own: told[name] for name, own in names.items() if name in told}
        if "api_keys" in told:
            self.known["child"] = told["api_keys"][0]
        if set(told) == {"api_key", "id"}:  # rotated
            self.known["KEY"] = told["api_key"]


def expected(line: str) -> int:
    """The status that the page speaks of: without money one pays first."""
    if "/chat/completions" in line and not any(one in line for one in CREDENTIALS):
        return 402
    return 400 if NOBODYS in line else 200


def typed(path: Path) -> Iterator[str]:
    """The curl lines of a page."""
    for _, block in blocks(path.read_text(encoding="utf-8"), "sh"):
        yield from (line for line in lines(block) if line.startswith("curl "))


@on_sqlite
async def test_every_example_does_what_the_page_says(house: House, purse: Purse) -> None:
    count = 0
    for path in PAGES:
        page = path.relative_to(ROOT).as_posix()
        typist = Typist(house.client, purse, page)
        for line in typed(path):
            await typist.type(line)
        for _, program in blocks(path.read_text(encoding="utf-8"), "python"):
            filled = await Typist(house.client, purse, page).fill(program, "")
            said = await asyncio.to_thread(run, filled)
            assert "print" not in program or "This is a played answer." in said, program
            count += 1
        count += typist.typed
    assert count > 40


def run(program: str) -> str:
    """Run a program as it stands; what it printed."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(program, "<page>", "exec"), {})
    return said.getvalue()

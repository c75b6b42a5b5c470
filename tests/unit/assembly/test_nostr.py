"""The office of Nostr in the operator's words, and who signs in with a key."""

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import msgspec
import pytest

from routstr.admin.nostr.desk import RelayShown
from routstr.admin.passwords import Passwords
from routstr.admin.sessions import Sessions, Visit
from routstr.assembly.nostr import OfficeDesk, build_nostr, build_sign_in
from routstr.core.clock import ManualClock
from routstr.core.http import outgoing_session
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.discovery.events import HTTP_AUTH, Draft
from routstr.discovery.identity import Identity, InvalidKey
from routstr.discovery.keyring import KeyLocked
from routstr.discovery.office import Office, Standing
from routstr.discovery.relays import RelayState
from routstr.discovery.report import RelayReport, Report, Stand
from routstr.errors import NostrKeyLocked, NostrKeyUnfit, SignInRefused
from tests.unit.admin.office import CHEAP
from tests.unit.upstream import storing

BOB, EVE = Identity(Secret("33" * 32)), Identity(Secret("44" * 32))
URL = "https://node.example.com/admin/api/login"
EVENT = BOB.sign(Draft(38_421, (("d", "x"), ("u", "https://a"), ("mint", "https://m")), "{}"), 7)
RELAYS = ("wss://a", "wss://b")


@dataclass
class Played:
    report: Report | None = None
    npub: str = BOB.npub
    withdrawn: bool = False
    error: Exception | None = None
    done: list[str] = field(default_factory=list)

    async def standing(self) -> Standing:
        return Standing(self.npub, False, self.withdrawn, self.report, RELAYS)

    async def change_key(self, _: Secret) -> str:
        if self.error is not None:
            raise self.error
        return self.npub

    async def create_key(self) -> str:
        return await self.change_key(Secret())

    async def publish(self) -> None:
        self.done.append("publish")

    async def withdraw(self) -> None:
        self.done.append("withdraw")


def desk(played: Played) -> OfficeDesk:
    return OfficeDesk(cast("Office", played))


async def test_what_was_seen_is_shown_relay_by_relay() -> None:
    relays = (
        RelayReport(RelayState("wss://b", 1, None), holds=True),
        RelayReport(RelayState("wss://own", None, 2, "no"), holds=False, own_list=True),
    )
    report = Report(Stand.ANNOUNCED, BOB.npub, "x", EVENT, relays, 9)
    shown = await desk(Played(report)).show()
    assert (shown.stand, shown.looked_at) == ("announced", 9)
    assert shown.announced is not None
    assert (shown.announced.urls, shown.announced.mints) == (("https://a",), ("https://m",))
    assert shown.relays == (
        RelayShown("wss://a"),
        RelayShown("wss://b", holds=True, last_ok=1),
        RelayShown("wss://own", own_list=True, last_error=2, error="no"),
    )


@pytest.mark.parametrize(
    ("npub", "withdrawn", "seen", "stand"),
    [
        ("", False, None, "no_key"),
        ("npub1", False, None, "waiting"),
        ("npub1", True, Stand.ANNOUNCED, "withdrawn"),
        ("npub1", False, Stand.WITHDRAWN, "waiting"),
        ("npub1", False, Stand.NO_ADDRESS, "no_address"),
        ("npub1", True, Stand.BROKEN_KEY, "broken_key"),
    ],
)
async def test_what_is_wanted_counts_before_what_was_seen(
    npub: str, withdrawn: bool, seen: Stand | None, stand: str
) -> None:
    report = None if seen is None else Report(seen, npub)
    shown = await desk(Played(report, npub, withdrawn)).show()
    assert (shown.stand, shown.announced) == (stand, None)


async def test_what_an_operator_does_is_passed_on_and_refusals_are_told() -> None:
    played = Played()
    await desk(played).publish()
    await desk(played).withdraw()
    assert played.done == ["publish", "withdraw"]
    with pytest.raises(NostrKeyUnfit, match="must be a secret key"):
        await desk(Played(error=InvalidKey())).change_key(Secret("x"))
    with pytest.raises(NostrKeyLocked):
        await desk(Played(error=KeyLocked())).change_key(Secret("x"))
    with pytest.raises(NostrKeyLocked):
        await desk(Played(error=KeyLocked())).create_key()


async def test_only_the_owner_of_the_npub_signs_in(tmp_path: Path) -> None:
    async with storing.database(tmp_path) as db:
        clock, key = ManualClock(), storing.NODE_KEY
        passwords = Passwords(db, key, clock, Secret("correct horse"), cost=CHEAP)
        sessions = Sessions(db, key, clock, passwords)
        settings = Settings(admin_npub=BOB.npub, http_url="https://node.example.com")
        way = build_sign_in(settings, db, clock, sessions, lambda: "")
        assert way is not None
        assert build_sign_in(Settings(), db, clock, sessions, lambda: "") is None

        def header(me: Identity, kind: int = HTTP_AUTH, **changed: object) -> str:
            draft = Draft(kind, (("u", URL), ("method", "POST")))
            event = msgspec.to_builtins(me.sign(draft, clock.ms // 1_000)) | changed
            return "Nostr " + base64.b64encode(msgspec.json.encode(event)).decode()

        assert await way.begin(header(BOB), URL, Visit("10.0.0.1"))
        for number, text in enumerate(
            (
                header(BOB),
                header(EVE),
                header(BOB, 1),
                header(EVE, pubkey=BOB.pubkey),
                header(BOB, content="changed"),
                "Nostr e30=",
            )
        ):
            with pytest.raises(SignInRefused):
                await way.begin(text, URL, Visit(f"10.0.1.{number}"))


async def test_a_process_keeps_its_name_and_messages_need_a_reader(tmp_path: Path) -> None:
    async with storing.database(tmp_path) as db, outgoing_session(Settings()) as session:
        clock = ManualClock()
        one = build_nostr(Settings(), db, storing.NODE_KEY, clock, session)
        settings = Settings(alert_npub=BOB.npub)
        two = build_nostr(settings, db, storing.NODE_KEY, clock, session, one)
        assert one.message is None
        assert two.message is not None
        assert one.owner == two.owner
        assert one.npub() == ""

"""What goes wrong in a cell: the node dies, perhaps again in its recovery, or the mint errs.

The moments at which a node can die are not listed here but found, see ``tests.crash.points``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from devkit import faults
from devkit.fault_proxy import FaultProxy
from devkit.faults import Fault
from tests.crash.killing import Journal, Orders, When

Kind = Literal["commit", "call"]
SWAP: Final = "/v1/swap"
MELT: Final = "/v1/melt/bolt11"
_AFTER_A_SWAP: Final[Mapping[str, int]] = MappingProxyType(
    {SWAP: 2, "/v1/restore": 1, "/v1/checkstate": 2}  # one question comes before the first swap
)


@dataclass(frozen=True, slots=True)
class Kill:
    """The node dies before or after a commit, or before or after the mint handles a call.

    ``name`` is the call's path, or the tables that the commit writes; ``number`` counts commits
    altogether, calls per path.
    """

    kind: Kind
    name: str
    number: int
    when: When

    def __str__(self) -> str:
        return f"{self.when} {self.kind} {self.number} {self.name}"

    @property
    def orders(self) -> Orders:
        """What the node is told: where to die, or only to count."""
        return Orders(self.number if self.kind == "commit" else 0, self.when)

    def arm(self, journal: Journal, proxy: FaultProxy, kill: Callable[[], None]) -> None:
        """From now on; ``kill`` ends the node."""
        journal.give(self.orders)
        if self.kind == "call":
            fault = faults.killing(kill, handled=self.when == "after")
            proxy.plan(self.name, fault, number=self.number)


@dataclass(frozen=True, slots=True)
class Death:
    """The node dies at the first moment, is started again, and dies at the next in its recovery."""

    kills: tuple[Kill, ...]

    def __str__(self) -> str:
        return "dies " + ", then ".join(map(str, self.kills))

    @property
    def group(self) -> str:
        return self.kills[0].kind if len(self.kills) == 1 else "recovery"


@dataclass(frozen=True, slots=True)
class Orphaned:
    """The node dies and stays dead; another one on the same database takes over what it left.

    ``elsewhere``: the dead one is known as a process of another host, of which nobody here can see
    that it is gone. ``later``: the heir starts only then, because it would do by itself what the
    other is to die in.
    """

    kill: Kill
    elsewhere: bool = False
    later: bool = False

    def __str__(self) -> str:
        where = " elsewhere" if self.elsewhere else ""
        heir = "a new node" if self.later else "another node"
        return f"dies{where} {self.kill}, {heir} takes over"

    group = "takeover"


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """The mint answers the ``number``-th call to ``path`` wrongly and the node lives on.

    ``then``: so goes what the node asks about it, until the client has its first answer.
    """

    path: str
    fault: str
    then: str = ""
    number: int = 1

    def __str__(self) -> str:
        more = f", then all {self.then}" if self.then else ""
        which = f" {self.number}" if self.number > 1 else ""
        return f"mint {self.fault} at {self.path}{which}{more}"

    group = "fault"

    def arm(self, proxy: FaultProxy) -> None:
        """From now on."""
        proxy.plan(self.path, FAULTS[self.fault](), number=self.number)
        if not self.then:
            return
        for path, after_first in _AFTER_A_SWAP.items():
            number = after_first + (self.number - 1 if path == SWAP else 0)
            proxy.plan(path, FAULTS[self.then](), number=number, lasting=True)


Trouble = Death | Orphaned | Misbehaviour


def _both(make: Callable[[bool], Fault]) -> dict[str, Callable[[], Fault]]:
    return {"ignored": lambda: make(False), "handled": lambda: make(True)}


def _refusal(code: int) -> Callable[[bool], Fault]:
    return lambda handled: faults.refusal(code, handled=handled)


_EITHER_WAY: Final[Mapping[str, Callable[[bool], Fault]]] = {
    "lost": lambda handled: faults.lost(handled=handled),
    "429": lambda handled: faults.busy(handled=handled),
    "500": lambda handled: faults.broken(handled=handled),
    "504": lambda handled: faults.broken(handled=handled, status=504),
    "404": lambda handled: faults.broken(handled=handled, status=404),
    "garbage": lambda handled: faults.garbage(handled=handled),
    **{
        f"code {code}": _refusal(code)
        for code in (faults.UNKNOWN_CODE, 0, 11_000, 11_001, 11_002, 11_003, 12_002, 20_005)
    },
}
FAULTS: Final[Mapping[str, Callable[[], Fault]]] = MappingProxyType(
    {
        **{
            f"{name} {way}": fault
            for name, make in _EITHER_WAY.items()
            for way, fault in _both(make).items()
        },
        "late": lambda: faults.late(0.5),
        "wrong amounts": faults.wrong_amounts,
        "bad dleq": faults.bad_dleq,
        "wrong points": faults.wrong_points,
        "too few": faults.too_few,
    }
)
_OF_SIGNATURES: Final = frozenset({"wrong amounts", "bad dleq", "wrong points", "too few"})
"""They change a swap's answer."""
_OF_QUESTIONS: Final = ("lost ignored", "429 ignored", "500 ignored", "garbage ignored")

MISBEHAVIOURS: Final = (
    *(Misbehaviour(SWAP, fault) for fault in FAULTS),
    *(
        Misbehaviour(SWAP, fault, then, number)
        for fault in ("lost ignored", "lost handled", "bad dleq", "code 11001 handled")
        for then in ("lost ignored", "500 ignored", "429 ignored")
        for number in (1, 2)
    ),
    *(Misbehaviour(SWAP, fault, number=2) for fault in FAULTS),
    *(Misbehaviour(MELT, fault) for fault in FAULTS if fault not in _OF_SIGNATURES),
    *(Misbehaviour("/v1/checkstate", fault) for fault in _OF_QUESTIONS),
    *(Misbehaviour("/v1/keysets", fault) for fault in _OF_QUESTIONS),
)

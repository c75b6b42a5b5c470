"""Packages that extend the node: which are switched on, what they bring, and whose fault it is.

A package brings something by an entry point of one of the groups below. Nothing of a package is
imported unless PLUGINS names it: what is installed may have come along with something else, what
is named was meant. All of it is loaded at the start, and whatever is wrong with it stops the start.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution
from typing import Final, TypeVar

T = TypeVar("T")

ADAPTERS: Final = "routstr.adapters"
PRICING_RULES: Final = "routstr.pricing_rules"
PAYMENT_METHODS: Final = "routstr.payment_methods"
AUTH_CHECKS: Final = "routstr.auth_checks"
ROUTERS: Final = "routstr.routers"
ENDPOINTS: Final = "routstr.endpoints"
GROUPS: Final = (ADAPTERS, PRICING_RULES, PAYMENT_METHODS, AUTH_CHECKS, ROUTERS, ENDPOINTS)
_OURS: Final = "routstr."


class PluginError(ValueError):
    """A package that PLUGINS names cannot be used; the message names it, in one line."""


@dataclass(frozen=True, slots=True)
class Brought:
    """One thing that a package brings: ``name`` is that of the entry point in ``group``."""

    package: str
    group: str
    name: str
    made: object

    def made_as(self, kind: type[T]) -> T:
        """What it is, known to be of a class or to have all that a protocol asks for."""
        if not isinstance(self.made, kind):
            raise self.fault(f"is no {kind.__name__}")
        return self.made

    def fault(self, reason: str) -> PluginError:
        """What to raise when it cannot be used."""
        return _fault(self.package, f"{self.group}: {self.name!r} {reason}")


@dataclass(frozen=True, slots=True)
class Plugins:
    """All that the packages bring which are switched on, in the order of PLUGINS, then by name."""

    packages: tuple[str, ...] = ()
    """With their versions."""
    brought: tuple[Brought, ...] = ()

    def of(self, group: str) -> Iterator[Brought]:
        """What belongs to a group."""
        return (one for one in self.brought if one.group == group)


def load_plugins(names: Sequence[str]) -> Plugins:
    """Import what these packages bring. Raises :class:`PluginError`."""
    packages: list[str] = []
    brought: dict[tuple[str, str], Brought] = {}
    for name in names:
        try:
            found = distribution(name)
        except (PackageNotFoundError, ValueError):
            raise _fault(name, "is not installed here") from None
        packages.append(f"{found.name} {found.version}")
        for point in _entry_points(name, found):
            before = brought.get((point.group, point.name))
            if before is not None:
                raise before.fault(f"is brought by {name}, too")
            brought[point.group, point.name] = _loaded(name, point)
    return Plugins(tuple(packages), tuple(brought.values()))


def _entry_points(package: str, found: Distribution) -> list[EntryPoint]:
    points = [point for point in found.entry_points if point.group.startswith(_OURS)]
    for point in points:
        if point.group not in GROUPS:
            raise _fault(
                package, f"there are no extensions {point.group!r}, only {', '.join(GROUPS)}"
            )
    if not points:
        raise _fault(package, "brings nothing for a node")
    return sorted(points, key=lambda point: (GROUPS.index(point.group), point.name))


def _loaded(package: str, point: EntryPoint) -> Brought:
    """What an entry point names; of a class, one that is made without arguments."""
    try:
        made = point.load()
        made = made() if isinstance(made, type) else made
    except Exception as error:  # whatever code of others raises: told, with its traceback behind it
        reason = f"cannot be loaded: {type(error).__name__}: {error}"
        raise _fault(package, f"{point.group}: {point.name!r} {reason}") from error
    return Brought(package, point.group, point.name, made)


def _fault(package: str, reason: str) -> PluginError:
    return PluginError(f"PLUGINS: the package {package!r}: {' '.join(reason.split())}")

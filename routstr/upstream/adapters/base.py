"""What the relay has to know of a kind of provider; plain OpenAI-compatible unless it says more."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from yarl import URL

NO_OPTIONS: Final[Mapping[str, str]] = MappingProxyType({})
_V1: Final = "/v1/"


def endpoints(*names: str) -> frozenset[str]:
    """The endpoints below ``/v1/``, for :attr:`Adapter.native`."""
    return frozenset(names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A type of provider. Holds no key and no state.

    ``base_url`` is the usual one, empty where every operator has another; ``fixed`` when there is
    no other. ``native`` are the endpoints that it speaks, each with all that lies below it; None:
    whatever it is asked. ``refuses`` are parameters that it takes from nobody: they are left out.
    ``judges_content``: its 403 is about what the request says, not about the key. ``by_model``:
    the address of an endpoint names the model.
    """

    name: str
    title: str
    base_url: str = ""
    fixed: bool = False
    platform_url: str = ""
    native: frozenset[str] | None = None
    refuses: frozenset[str] = field(default_factory=frozenset)
    judges_content: bool = False
    by_model: bool = False

    def speaks(self, endpoint: str) -> bool:
        """Whether the node's endpoint (``/v1/chat/completions``) is one of the provider's own."""
        if self.native is None:
            return True
        path = endpoint.removeprefix(_V1)
        while path not in self.native:
            path = path.rpartition("/")[0]
            if not path:
                return False
        return True

    def owns(self, host: str) -> bool:
        """Whether addresses at this host are certainly of this type."""
        return bool(host) and host == URL(self.base_url).host and "." in host

    def headers(self, key: str, path: str) -> Mapping[str, str]:  # noqa: ARG002 - for others
        """What tells the provider who pays; nothing without a key."""
        return {"Authorization": f"Bearer {key}"} if key else {}

    def url(
        self,
        base: URL,
        path: str,
        model: str,  # noqa: ARG002 - for those whose addresses name it
        options: Mapping[str, str] = NO_OPTIONS,  # noqa: ARG002 - as above
    ) -> URL:
        """The address of an endpoint, for example ``chat/completions``, of a model.

        ``options`` are the operator's texts about this provider (``api_version``).
        """
        return below(base, path)


def below(base: URL, path: str) -> URL:
    """The address of a path, with or without slashes around it, below another."""
    return base.joinpath(*path.strip("/").split("/"))

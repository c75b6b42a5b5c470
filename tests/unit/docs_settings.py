"""Writes docs/settings.md: ``python -m tests.unit.docs_settings > docs/settings.md``."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from routstr.core import setting_types as types
from routstr.core.secret import Secret
from routstr.core.setting_group import meanings
from routstr.core.setting_groups import GROUPS
from routstr.core.settings import Settings
from tests.unit.test_env_example import profile_notes, shown

HEAD: Final = """\
# Settings

First `.env` in the node's folder is read, then the environment, which wins, both once, when the
node starts. An empty value counts as not set. A wrong value stops the start with a line that names
the variable. Lists are comma separated. `ROUTSTR_ENV` chooses a profile, which changes a few
defaults. Values of the kind *secret* are never shown, logged or written anywhere.

What neither of them sets may be stored in the database, and changed while the node runs: on the
page `/admin/settings`, over `PATCH /admin/api/settings`, by `routstr settings set`. Every process
on the database follows within seconds, without a restart. What the environment sets wins over
what is stored, and is locked there. Not stored are secrets, places of files, and what a process is
started with (the page names them). A stored value that does not fit any more, say after an
upgrade, is left out, logged and shown; it stops no start.

This page is written from `routstr/core/setting_groups.py` by `tests/unit/docs_settings.py`, and
`tests/unit/test_docs.py` compares the two.
"""
KINDS: Final[tuple[tuple[object, str], ...]] = (
    (types.Port, "port"),
    (types.Count, "number"),
    (types.CountOrOff, "number"),
    (types.ProofCount, "number"),
    (types.ReaderCount, "number"),
    (types.ByteCount, "bytes"),
    (types.Hours, "hours"),
    (types.Seconds, "seconds"),
    (types.SecondsOrOff, "seconds"),
    (types.Factor, "factor"),
    (types.Percent, "percent"),
    (types.SatPrice, "sat"),
    (types.UsdPerBtc, "USD"),
    (types.MsatAmount, "msat, 0 or more"),
    (types.Url, "URL"),
    (types.OnionUrl, "URL of an onion service"),
    (types.SocksUrl, "URL of a SOCKS port"),
    (types.MintUrl, "URL of a mint"),
    (types.MintUrls, "URLs of mints"),
    (types.RelayUrls, "addresses of relays"),
    (types.NostrKey, "nsec or 64 hexadecimal digits, secret"),
    (types.ProviderId, "letters, digits, `.`, `_`, `-`; at most 64"),
    (types.MintAmounts, "URLs of mints with amounts"),
    (types.ModelSources, "of `file`, `upstream`, `openrouter`"),
    (types.RuleChoices, "providers with rules"),
    (types.Origins, "origins or `*`"),
    (types.Networks, "addresses or networks"),
    (types.CacheSigns, "of `temperature`, `seed`"),
    (types.Share, "percent"),
    (types.HeaderNames, "names of headers"),
    (types.PackageNames, "names of packages"),
    (types.Slug, "letters a-z, digits, hyphens"),
    (types.Npub, "npub"),
    (types.DatabaseUrl, "URL of a database, secret"),
    (types.ReplicaUrl, "URL of a database, secret"),
    (types.RedisUrl, "URL of a server, secret"),
    (types.SecretKeyHex, "64 hexadecimal digits, secret"),
    (Secret, "text, secret"),
    (bool, "true or false"),
    (str, "text"),
)
_WORDS: Final[Mapping[type, str]] = {Ge: "at least", Gt: "more than", Le: "at most", Lt: "below"}


def kind(annotation: Any) -> str:
    """What a value of this type is, with its unit and bounds."""
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(f"`{value}`" for value in get_args(annotation))
    options = [annotation, *get_args(annotation)]  # ``UsdPerBtc | None`` is a ``UsdPerBtc``
    for known, name in KINDS:
        if any(known is option for option in options):
            return ", ".join([name, *_bounds(known)])
    assert getattr(annotation, "__name__", "") == "Path", f"say what {annotation} is"
    return "path"


def _bounds(annotation: object) -> Iterator[str]:
    for extra in get_args(annotation)[1:]:
        if isinstance(extra, FieldInfo):
            for bound in extra.metadata:
                if type(bound) in _WORDS:
                    (value,) = (getattr(bound, name) for name in bound.__slots__)
                    yield f"{_WORDS[type(bound)]} {value}"


def render() -> str:
    """The whole page."""
    defaults = Settings()
    parts = [HEAD]
    for group in GROUPS:
        parts.append(f"## {(group.__doc__ or '').rstrip('.')}\n")
        parts.append("| variable | default | value | meaning |\n|---|---|---|---|")
        for name, about in meanings(group).items():
            default = shown(getattr(defaults, name))
            meaning = f"{about}{profile_notes(name)}"
            meaning = re.sub(r"([|<*])", r"\\\1", " ".join(meaning.split()))
            value = kind(group.__annotations__[name])
            parts.append(
                f"| `{name.upper()}` | {f'`{default}`' * bool(default)} | {value} | {meaning} |"
            )
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    print(render(), end="")  # noqa: T201

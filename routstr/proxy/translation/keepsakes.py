"""What a provider wants to see again with a call, kept in the call's id.

Gemini signs its calls (``extra_content`` of a tool call) and refuses a conversation in which a
call has lost its signature. Neither messages nor responses have a place for it, but clients give
ids back as they are: so the id of such a call is its own, a mark, and the keepsake in base64.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

import msgspec

from routstr.proxy.fields import encode

_MARK: Final = "__kept__"
_object: Final = msgspec.json.Decoder(dict[str, object]).decode


def sealed(call_id: str, keepsake: object) -> str:
    """The id for the client."""
    if not isinstance(keepsake, dict) or not keepsake:
        return call_id
    return f"{call_id}{_MARK}{urlsafe_b64encode(encode(keepsake)).decode().rstrip('=')}"


def opened(call_id: str) -> tuple[str, dict[str, object]]:
    """The provider's id and what was kept; an id that is no such id is itself."""
    own, mark, kept = call_id.rpartition(_MARK)
    if not mark:
        return call_id, {}
    try:
        return own, _object(urlsafe_b64decode(kept + "=" * (-len(kept) % 4)))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return call_id, {}

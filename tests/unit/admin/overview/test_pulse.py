import asyncio
from contextlib import aclosing

from routstr.admin.overview.pulse import VIEWERS_MAX, Pulse
from routstr.errors import DatabaseUnavailable


class Source:
    def __init__(self) -> None:
        self.reads = 0
        self.ended = False

    async def read(self) -> int:
        self.reads += 1
        if self.reads == 2:
            raise DatabaseUnavailable
        return self.reads

    def pulse(self) -> Pulse[int]:
        return Pulse(self.read, pause_s=0.001, ended=lambda: self.ended)


async def test_all_who_look_get_the_same_and_nothing_is_read_for_nobody() -> None:
    source = Source()
    pulse = source.pulse()

    async def look() -> list[int]:
        seen = []
        async with aclosing(pulse.watch()) as news:  # type: ignore[type-var]
            async for one in news:
                seen.append(one)
                if len(seen) == 2:
                    break
        return seen

    assert list(await asyncio.gather(look(), look())) == [[1, 3], [1, 3]]
    assert pulse.viewers == 0
    await asyncio.sleep(0.01)
    quiet = source.reads
    await asyncio.sleep(0.01)
    assert source.reads == quiet
    assert len(await look()) == 2, "it begins again"


async def test_nobody_is_kept_when_the_node_ends() -> None:
    for by_closing in (True, False):
        source = Source()
        pulse, seen = source.pulse(), 0
        async for _ in pulse.watch():
            seen += 1
            if by_closing:
                pulse.close()
            source.ended = not by_closing
        assert seen == 1
        assert pulse.full


async def test_only_so_many_may_look() -> None:
    pulse = Source().pulse()
    assert not pulse.full
    pulse.viewers = VIEWERS_MAX
    assert pulse.full

import asyncio
import uuid

from routstr.core.request_id import REQUEST_ID, new_request_id


def test_an_id_is_a_random_uuid_in_its_usual_spelling() -> None:
    for _ in range(200):
        text = new_request_id()
        parsed = uuid.UUID(text)

        assert str(parsed) == text
        assert parsed.version == 4
        assert parsed.variant == uuid.RFC_4122


def test_ids_differ() -> None:
    assert len({new_request_id() for _ in range(1_000)}) == 1_000


async def test_each_task_has_its_own_id() -> None:
    async def serve(name: str) -> str | None:
        REQUEST_ID.set(name)
        await asyncio.sleep(0)
        return REQUEST_ID.get()

    assert list(await asyncio.gather(serve("a"), serve("b"))) == ["a", "b"]
    assert REQUEST_ID.get() is None

from pathlib import Path

from routstr.upstream import repository
from routstr.upstream.repository import Record
from tests.unit.upstream.storing import database

RECORD = Record(0, "slug", "groq", "https://x.example", b"\x00\xff", False, "1.1", -3, "{}", 1, 2)


async def test_a_record_comes_back_as_it_went(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        made = await db.write(lambda tx: repository.add(tx, RECORD))
        (found,) = await db.read(repository.every)
        assert found == Record(made, *(getattr(RECORD, name) for name in FIELDS))
        changed = Record(made, "new", *(getattr(RECORD, name) for name in FIELDS[1:]))
        await db.write(lambda tx: repository.change(tx, changed))
        assert await db.read(repository.every) == [changed]
        assert await db.read(repository.versions) == ((made, 2),)
        await db.write(lambda tx: repository.remove(tx, made))
        assert await db.read(repository.every) == []


FIELDS = Record.__struct_fields__[1:]

from pathlib import Path

from routstr.admin.setup.steps import Progress, Step, first_open
from tests.unit.upstream.storing import database


def test_steps_follow_each_other() -> None:
    assert Step.NODE.after is Step.MINTS
    assert Step.PAY.after is None


async def test_what_is_behind_is_remembered(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        assert first_open(await Progress(db).passed()) is Step.NODE
        await Progress(db).pass_by(Step.NODE, Step.PROVIDER)
        await Progress(db).pass_by(Step.NODE)
        assert first_open(await Progress(db).passed()) is Step.MINTS
        await Progress(db).pass_by(*Step)
        assert first_open(await Progress(db).passed()) is None

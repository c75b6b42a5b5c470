from decimal import Decimal
from pathlib import Path

from routstr.admin.setup.desk import SetupDesk
from routstr.admin.setup.steps import Step
from routstr.core.secret import Secret
from tests.unit.admin.front_door import MINT, front_door


async def test_the_example_adds_up(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        desk: SetupDesk = at.app.state.setup
        await desk.set_margin("10")
        example = desk.example()
        assert (example.yours, example.exchange) == (Decimal(10), Decimal("0.55"))
        assert example.pays == 100 + example.yours + example.exchange
        assert desk.margin == 10
        assert await desk.step() is Step.NODE


async def test_what_the_environment_sets_is_left_alone(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        desk: SetupDesk = at.app.state.setup
        assert desk.locked("admin_password")
        assert not desk.locked("name")
        await desk.save(Step.NODE, {"host": "0.0.0.0", "name": "Bob's"})
        assert (desk.settings.host, desk.settings.name) == ("127.0.0.1", "Bob's")


async def test_a_mint_is_taken_once_and_left_with_the_preference_for_it(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        desk: SetupDesk = at.app.state.setup
        for _ in range(2):
            await desk.use_mint(MINT)
        assert list(desk.settings.cashu_mints) == [MINT]
        await at.options.change({"primary_mint_url": MINT})
        await desk.leave_mint(MINT)
        assert list(desk.settings.cashu_mints) == []
        assert desk.settings.primary_mint_url == ""


async def test_what_is_sold_stays_the_files_where_there_is_one(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        desk: SetupDesk = at.app.state.setup
        file = tmp_path / "models.json"
        file.write_text("[]")
        object.__setattr__(desk.settings, "models_path", file)
        await desk.use_provider("groq", "", Secret("sk-x"))
        assert desk.settings.model_sources == ("file",)
        assert Step.PROVIDER in await desk.progress.passed()

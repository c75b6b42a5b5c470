"""What only a node as a whole can say of settings, and processes that follow each other."""

from pathlib import Path

import pytest

from routstr.errors import SettingsInvalid
from tests.unit.assembly.living import node


async def test_rules_that_nobody_has_are_refused_and_another_process_follows(
    tmp_path: Path,
) -> None:
    async with node(tmp_path) as (app, options, _), node(tmp_path) as (other, followers, _):
        with pytest.raises(SettingsInvalid) as caught:
            await options.change({"pricing_rule_of": ["openai=odd"]})
        assert list(caught.value.problems) == ["pricing_rule_of"]
        await options.change({"name": "Mine"})
        await followers.look()
        assert other.running is not None
        assert app.running is not None
        assert other.running.settings.name == app.running.settings.name == "Mine"

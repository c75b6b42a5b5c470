"""The address that profit is paid to."""

from routstr.cli.doctor.findings import State
from tests.unit.cli.doctor.town import Town


async def test_without_one_there_is_nothing_to_look_at(town: Town) -> None:
    town.changed["receive_ln_address"] = ""
    (found,) = await town.found("payouts")
    assert found.state is State.SKIPPED

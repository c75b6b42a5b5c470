"""What answers say of the time is noted, whatever they are about."""

from routstr.assembly.plugins import NOTHING_MORE
from routstr.cli.doctor.patient import opened
from tests.unit.cli.doctor.town import Town


async def test_the_date_of_each_answer_is_noted(town: Town) -> None:
    town.late_s = 90
    async with opened(
        town.settings, town.ports, NOTHING_MORE, None, with_database=False
    ) as patient:
        async with patient.outgoing.get(f"{town.url}/one") as answer:
            assert answer.status == 200
        (told,) = patient.times
        assert (told.host, 85 < told.ahead_s < 95, patient.db) == ("127.0.0.1", True, None)

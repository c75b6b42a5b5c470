"""The port, taken or free."""

import socket

import pytest

from routstr.cli.doctor.checks import port
from routstr.cli.doctor.findings import State
from tests.unit.cli.doctor.town import Town


def test_a_free_port_can_be_listened_on() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        number = other.getsockname()[1]
        other.listen()
        assert port._bind("127.0.0.1", number) is not None
    assert port._bind("127.0.0.1", number) is None


async def test_a_node_on_the_port_is_well(town: Town) -> None:
    town.answers["/v1/info"] = (200, {"mints": ["cashu"]})
    town.changed["port"] = town.url.rsplit(":", 1)[1]
    (found,) = await town.found("port")
    assert (found.state, "a node serves" in found.what) == (State.WELL, True)


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
async def test_an_address_of_another_machine_cannot_be_listened_on(
    town: Town, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> OSError:
        return OSError(99, "Cannot assign requested address")

    monkeypatch.setattr(port, "_bind", refuse)
    town.changed |= {"host": host, "port": "8000"}
    (found,) = await town.found("port")
    assert (found.state, "HOST" in found.remedy) == (State.FAULT, True)

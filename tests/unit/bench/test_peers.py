"""Gateways of others: how they are told where the provider is, and what is no obstacle."""

import json
from pathlib import Path

import pytest

from bench.peers import ALL, Missing, Peer, start

COMMANDS = {peer.name: peer for peer in ALL}


def test_litellm_is_given_the_provider_and_one_worker(tmp_path: Path) -> None:
    command = COMMANDS["LiteLLM"].command(tmp_path, tmp_path, 4_000, 9_000)

    (model,) = json.loads((tmp_path / "config.json").read_text())["model_list"]
    assert model["litellm_params"]["api_base"] == "http://127.0.0.1:9000/v1"
    assert command[command.index("--num_workers") + 1] == "1"


def test_portkey_is_given_the_provider_with_every_request() -> None:
    headers = COMMANDS["Portkey"].headers(9_000)

    assert headers["x-portkey-custom-host"] == "http://127.0.0.1:9000/v1"


@pytest.mark.parametrize("how", ["install", "run"])
async def test_a_peer_that_cannot_be_had_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    def install(_: Path) -> None:
        if how == "install":
            raise Missing("npm is not installed")

    def command(*_: object) -> list[str]:
        return ["/nowhere/gateway"]

    monkeypatch.setattr("bench.peers.PEERS", tmp_path / "peers")
    peer = Peer("Gateway", install, command, version=lambda _: "1.0")

    with pytest.raises(Missing, match="is not installed"):
        await start(peer, tmp_path / "run", 9_000)


async def test_what_was_installed_is_not_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.peers.PEERS", tmp_path / "peers")
    fetched = list[Path]()
    peer = Peer("Gateway", fetched.append, lambda *_: ["/nowhere/gateway"], lambda _: "1.0")

    for _ in range(2):
        with pytest.raises(Missing):
            await start(peer, tmp_path / "run", 9_000)

    assert fetched == [tmp_path / "peers" / "gateway"]

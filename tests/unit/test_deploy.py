"""What operators and contributors copy: images, services, proxies, workflows; as far as they can
be read without the programs that run them."""

import configparser
import re
import shlex
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from routstr.core.onion import TOR_FOLDER
from routstr.core.settings import load_settings

ROOT: Final = Path(__file__).parents[2]
COMPOSE: Final = ROOT / "compose.yml"
TESTING: Final = ROOT / "compose.testing.yml"
DOCKERFILES: Final = (ROOT / "Dockerfile", ROOT / "deploy" / "tor" / "Dockerfile")
YAML: Final = (
    *sorted(path for folder in (".github", "deploy") for path in (ROOT / folder).rglob("*.yml")),
    COMPOSE,
    TESTING,
    ROOT / ".pre-commit-config.yaml",
)


class Loader(yaml.SafeLoader):  # type: ignore[misc] # it has no types
    """Knows the word of Compose for leaving out what the other file says."""


Loader.add_constructor("!reset", lambda loader, node: loader.construct_sequence(node))


def read(path: Path) -> Any:
    return yaml.load(path.read_text(), Loader)


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """Word and rest of each line, continued ones joined."""
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines) if word]


def test_every_yaml_file_can_be_read() -> None:
    assert len(YAML) > 8
    for path in YAML:
        assert read(path), path


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=["node", "tor"])
def test_an_image_is_nobody_in_particular_and_copies_what_there_is(dockerfile: Path) -> None:
    found = instructions(dockerfile)
    users = [rest for word, rest in found if word == "USER"]
    assert users
    assert int(users[-1].partition(":")[0]) > 10_000
    for word, rest in found:
        if word == "COPY" and not rest.startswith("--from"):
            *sources, _ = shlex.split(rest)
            for source in sources:
                assert (dockerfile.parent / source).exists(), source
    assert not [rest for word, rest in found if word == "ADD"]


def test_what_the_image_copies_is_let_into_its_context() -> None:
    let_in = (ROOT / ".dockerignore").read_text()
    for word, rest in instructions(ROOT / "Dockerfile"):
        if word == "COPY" and not rest.startswith("--from"):
            for source in shlex.split(rest)[:-1]:
                assert f"\n!{source}\n" in let_in


def test_the_image_is_built_from_locked_packages_in_a_stage_of_its_own() -> None:
    found = instructions(ROOT / "Dockerfile")
    assert [word for word, _ in found].count("FROM") == 2
    (install,) = (rest for _, rest in found if "pip install" in rest)
    assert "--require-hashes" in install
    last = [word for word, _ in found].index("FROM", 3)
    assert not any("pip" in rest for word, rest in found[last:] if word == "RUN")


def test_what_the_image_sets_are_settings() -> None:
    (environment,) = (rest for word, rest in instructions(ROOT / "Dockerfile")[5:] if word == "ENV")
    given = dict(pair.split("=", 1) for pair in shlex.split(environment))
    python = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
    settings = load_settings({key: given[key] for key in given.keys() - python}, None)
    names = {name.upper() for name in type(settings).model_fields}
    assert given.keys() - python <= names
    assert settings.database_file == Path("/data/routstr.db")


def test_the_compose_node_has_a_read_only_root_and_no_privileges() -> None:
    node = read(COMPOSE)["services"]["routstr"]
    assert node["read_only"] is True
    assert node["cap_drop"] == ["ALL"]
    assert node["security_opt"] == ["no-new-privileges:true"]
    assert [port.startswith("127.0.0.1:") for port in node["ports"]] == [True]
    assert f"onion:{TOR_FOLDER}:ro" in node["volumes"]
    assert "profiles" not in node


def test_compose_brings_tor_postgresql_and_valkey_when_they_are_asked_for() -> None:
    compose = read(COMPOSE)
    services = compose["services"]
    profiles = {name: one.get("profiles", []) for name, one in services.items()}
    assert {"tor", "https", "postgres", "valkey"} <= {
        p for names in profiles.values() for p in names
    }
    for service in services.values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            known = (
                (ROOT / source).exists() if source.startswith(".") else source in compose["volumes"]
            )
            assert known, volume


@pytest.mark.parametrize("files", [[COMPOSE], [COMPOSE, TESTING]], ids=["usual", "testing"])
def test_the_node_can_read_what_compose_gives_it(files: list[Path]) -> None:
    given: dict[str, str] = {}
    for file in files:
        given |= read(file)["services"]["routstr"]["environment"]
    plain = {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for name, value in given.items()}
    settings = load_settings(plain, None)
    assert plain.keys() <= {name.upper() for name in type(settings).model_fields}
    assert settings.tor_proxy_url == "socks5://172.30.7.20:9050"


def test_proxies_and_tor_have_the_addresses_that_the_node_is_told() -> None:
    services = read(COMPOSE)["services"]
    given = services["routstr"]["environment"]
    address = {
        name: services[name]["networks"]["inner"]["ipv4_address"]
        for name in ("routstr", "caddy", "tor")
    }
    assert given["TRUSTED_PROXIES"] == address["caddy"]
    assert address["tor"] in given["TOR_PROXY_URL"]
    torrc = (ROOT / "deploy" / "tor" / "torrc").read_text()  # Tor wants an address there, no name
    assert f"HiddenServicePort 80 {address['routstr']}:8000" in torrc


def test_tor_lets_the_node_read_the_address_and_nobody_else_use_it() -> None:
    torrc = (ROOT / "deploy" / "tor" / "torrc").read_text()
    assert f"HiddenServiceDir {TOR_FOLDER}/hidden_service" in torrc
    assert "HiddenServiceDirGroupReadable 1" in torrc
    assert "SocksPolicy reject *" in torrc


def test_the_systemd_unit_is_hardened() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "deploy" / "systemd" / "routstr.service")
    service = unit["Service"]
    assert service["ExecStart"].endswith("routstr serve")
    for name in ("NoNewPrivileges", "DynamicUser", "PrivateDevices", "ProtectHome"):
        assert service[name] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        (
            "nginx/routstr.conf",
            ("proxy_buffering off;", "proxy_next_upstream off;", "proxy_set_header Upgrade",
             "X-Forwarded-For $remote_addr;", "X-Forwarded-Proto $scheme;",
             "ssl_protocols TLSv1.2 TLSv1.3;", "return 308 https://"),
        ),
        ("caddy/Caddyfile", ("flush_interval -1", "reverse_proxy {$NODE}")),
    ],
)  # fmt: skip
def test_proxies_pass_streams_on_and_name_the_client_themselves(
    file: str, wanted: tuple[str, ...]
) -> None:
    text = (ROOT / "deploy" / file).read_text()
    assert [one for one in wanted if one not in text] == []
    assert text.count("{") == text.count("}")


def test_several_instances_are_served_like_one_but_for_what_could_not_be_sent() -> None:
    def rest(name: str) -> str:
        text = (ROOT / "deploy" / "nginx" / name).read_text()
        text = re.sub(r"upstream routstr \{.*?\n\}\n", "", text, flags=re.DOTALL)
        text = re.sub(r" *#.*\n", "", text)
        return re.sub(r"proxy_next_upstream [^;]*;", "", text)

    assert rest("instances.conf") == rest("routstr.conf")
    several = (ROOT / "deploy" / "nginx" / "instances.conf").read_text()
    assert "proxy_next_upstream error timeout;" in several
    assert several.count("max_fails=1") == 2


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=str)
def test_a_workflow_may_little_and_ends(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 120
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_what_hooks_and_workflows_run_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        assert set(re.findall(r"\bmake ([a-z-]+)", path.read_text())) <= targets
    for repository in read(ROOT / ".pre-commit-config.yaml")["repos"]:
        assert repository["repo"] == "local", "nothing is fetched to check a commit"

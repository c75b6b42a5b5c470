import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from routstr.core.plugins import (
    ADAPTERS,
    GROUPS,
    PRICING_RULES,
    Brought,
    PluginError,
    Plugins,
    load_plugins,
)
from routstr.core.settings import SettingsError, load_settings

MODULE = "class Made:\n    def __init__(self): self.where = __name__\n\nINSTANCE = 'as it is'\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for packages, without a trace of them afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    assert set(sys.modules) == before
    return tmp_path


def install(
    site: Path, name: str, points: Mapping[str, Mapping[str, str]], module: str = MODULE
) -> None:
    """A package as an installer leaves it: its module, and the facts about it beside."""
    (site / f"{name}.py").write_text(module)
    info = site / f"{name}-2.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.1\n")
    lines = [
        line
        for group, named in points.items()
        for line in (f"[{group}]", *(f"{key} = {value}" for key, value in named.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))


def test_the_groups_of_entry_points_are_an_interface() -> None:
    assert GROUPS == (
        "routstr.adapters",
        "routstr.pricing_rules",
        "routstr.payment_methods",
        "routstr.auth_checks",
        "routstr.routers",
        "routstr.endpoints",
    )


def test_what_is_installed_is_not_loaded_unless_it_is_named(site: Path) -> None:
    install(site, "quiet_one", {ADAPTERS: {"a": "quiet_one:INSTANCE"}}, "raise SystemError")
    assert load_plugins(()) == Plugins()
    assert "quiet_one" not in sys.modules


def test_a_class_is_made_and_anything_else_is_taken_as_it_is(site: Path) -> None:
    points = {PRICING_RULES: {"z": "one_pack:Made"}, ADAPTERS: {"b": "one_pack:INSTANCE"}}
    install(site, "one_pack", {**points, "console_scripts": {"tool": "one_pack:Made"}})
    install(site, "two_pack", {ADAPTERS: {"a": "two_pack:INSTANCE"}})
    found = load_plugins(("one-pack", "two-pack"))
    assert found.packages == ("one_pack 2.1", "two_pack 2.1")
    assert [one.name for one in found.of(ADAPTERS)] == ["b", "a"]
    (rule,) = found.of(PRICING_RULES)
    assert getattr(rule.made, "where", None) == "one_pack"
    assert rule.package == "one-pack"


@pytest.mark.parametrize(
    ("points", "module", "reason"),
    [
        ({ADAPTERS: {"a": "bad_pack:GONE"}}, MODULE, "'a' cannot be loaded: AttributeError"),
        ({ADAPTERS: {"a": "bad_pack:INSTANCE"}}, "import nowhere_at_all", "ModuleNotFoundError"),
        ({ADAPTERS: {"a": "bad_pack:INSTANCE"}}, "def broken(:", "SyntaxError"),
        ({ADAPTERS: {"a": "bad_pack:Made"}}, "class Made:\n def __init__(s, x): 0", "TypeError"),
        ({ADAPTERS: {"a": "bad_pack:X"}}, "raise ValueError('one\\ntwo')", "ValueError: one two"),
        ({"routstr.adapter": {"a": "bad_pack:Made"}}, MODULE, "no extensions 'routstr.adapter'"),
        ({"console_scripts": {"a": "bad_pack:Made"}}, MODULE, "brings nothing for a node"),
    ],
)
def test_what_is_wrong_with_a_package_is_told_in_one_line_with_its_name(
    site: Path, points: Mapping[str, Mapping[str, str]], module: str, reason: str
) -> None:
    install(site, "bad_pack", points, module)
    with pytest.raises(PluginError, match=r"PLUGINS: the package 'bad-pack'") as refused:
        load_plugins(("bad-pack",))
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_package_that_is_not_there_is_told() -> None:
    with pytest.raises(PluginError, match="'no-such-package': is not installed here"):
        load_plugins(("no-such-package",))


def test_two_packages_cannot_bring_the_same_thing(site: Path) -> None:
    install(site, "first_pack", {ADAPTERS: {"a": "first_pack:INSTANCE"}})
    install(site, "other_pack", {ADAPTERS: {"a": "other_pack:INSTANCE"}})
    with pytest.raises(PluginError, match=r"'first-pack': .*'a' is brought by other-pack, too"):
        load_plugins(("first-pack", "other-pack"))


def test_a_thing_of_another_kind_is_refused() -> None:
    one = Brought("pack", ADAPTERS, "a", "a text")
    assert one.made_as(str) == "a text"
    with pytest.raises(PluginError, match=r"'pack': routstr.adapters: 'a' is no int"):
        one.made_as(int)


def test_packages_are_named_once_however_they_are_written() -> None:
    environ = {"PLUGINS": "Routstr_Example, routstr.example,other"}
    assert load_settings(environ, None).plugins == ("routstr-example", "other")
    with pytest.raises(SettingsError, match=r"PLUGINS: got '../x'; must be names of installed"):
        load_settings({"PLUGINS": "../x"}, None)

"""``.env.example`` and the settings tell the same story; ``render`` is how it is told."""

from pathlib import Path

from routstr.core.secret import Secret
from routstr.core.setting_group import meanings
from routstr.core.setting_groups import GROUPS
from routstr.core.settings import PROFILES, Settings, load_settings

FILE = Path(__file__).parents[2] / ".env.example"
HEAD = """\
# Settings of a Routstr node. Copy this file to .env and uncomment what you want to change.
# Every line shows the default. Variables of the environment win over this file; an empty value
# counts as not set. A wrong value stops the start with a message that names the variable.
"""


def shown(value: object) -> str:
    """A default as it is written in an env file."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)


def profile_notes(name: str) -> str:
    """Where a profile has another default."""
    notes = [
        f"{shown(defaults[name])} in {profile}"
        for profile, defaults in PROFILES.items()
        if name in defaults
    ]
    return f" Default {', '.join(notes)}." if notes else ""


def render() -> str:
    """The whole file."""
    defaults = Settings()
    lines = [HEAD]
    for group in GROUPS:
        lines.append(f"# ---- {(group.__doc__ or '').rstrip('.')} ----\n")
        for name, about in meanings(group).items():
            lines.append(f"# {about}{profile_notes(name)}")
            lines.append(f"#{name.upper()}={shown(getattr(defaults, name))}".rstrip() + "\n")
    return "\n".join(lines)


def test_the_example_lists_every_setting_with_its_meaning_and_default() -> None:
    assert FILE.read_text("utf-8") == render()


def test_the_example_with_all_lines_uncommented_gives_the_defaults(tmp_path: Path) -> None:
    lines = FILE.read_text("utf-8").splitlines()
    settings = [line.removeprefix("#") for line in lines if line[:2] not in {"", "# "}]
    file = tmp_path / ".env"
    file.write_text("\n".join(settings))

    assert len(settings) == len(Settings.model_fields)
    assert load_settings({}, file) == Settings()


def test_the_example_fits_a_terminal() -> None:
    assert max(map(len, FILE.read_text("utf-8").splitlines())) <= 130

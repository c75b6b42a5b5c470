"""Rules for the code that no linter has: size, money without floats, commits, broad catches."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "routstr"
OTHER_SOURCES: Final = ("bench", "demo", "devkit", "scripts")
FILE_LINES_MAX: Final = 400
FUNCTION_LINES_MAX: Final = 60

MONEY: Final = ("money.py", "catalog", "ledger", "payment", "wallet")
TIME: Final = re.compile(r"(^|_)(s|seconds|at|now|until|age|due|interval)(_|$)", re.IGNORECASE)
"""Names of times: the only things near money that may be a float."""

BROAD_CATCHES: Final = {
    "core/middleware.py",
    "core/tasks.py",
    "proxy/hot.py",
    "core/db/loop_writer.py",
    "core/db/near.py",
    "core/db/rescue.py",
    "core/db/steps.py",
    "core/db/writer.py",
    "core/plugins.py",
    "proxy/door.py",
    "proxy/realtime/route.py",
}
"""The last handlers of both halves and the supervisor of tasks, which log what they catch; the
writer, which hands it to the caller who waits, and its halves in the event loop, which leave what
failed to it; and where code of other packages is called: what it raises stops the start, or is
handed to the last handler."""

MIGRATIONS: Final = "migrations"
"""Lists of tables: long, but without a branch."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """A file, its syntax tree, and its path relative to the package or the root."""

    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)


@cache
def sources(part: Path) -> list[Source]:
    """The modules of a package, or the one module that is named."""
    if part.is_file():
        return [Source(part.name, part.read_text(encoding="utf-8"))]
    paths = sorted(part.rglob("*.py"))
    return [Source(str(p.relative_to(part)), p.read_text(encoding="utf-8")) for p in paths]


def long_functions(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if (
            isinstance(node, Function)
            and (node.end_lineno or 0) >= node.lineno + FUNCTION_LINES_MAX
        ):
            yield f"{source.name}: {node.name}"


def floats(source: Source) -> Iterator[str]:
    """Every float that is neither a time nor a refusal (``isinstance(value, float)``)."""
    allowed = {id(inner) for node in ast.walk(source.tree) for inner in times_of(node)}
    for node in ast.walk(source.tree):
        match node:
            case ast.Name(id="float") | ast.Constant(value=float()) if id(node) not in allowed:
                yield f"{source.name}:{node.lineno}"
            case _:
                pass


def times_of(node: ast.AST) -> Iterator[ast.AST]:
    """What lies inside of a node in which floats are allowed."""
    name, inside = "", node
    match node:
        case ast.AnnAssign(target=ast.Name(id=found) | ast.Attribute(attr=found)):
            name = found
        case ast.Assign(targets=[ast.Name(id=found) | ast.Attribute(attr=found)]):
            name = found
        case ast.arg(arg=found) | ast.keyword(arg=str(found)):
            name = found
        case ast.FunctionDef(name=found, returns=ast.AST() as returns):
            name, inside = found, returns
        case ast.Call(func=ast.Name(id="isinstance")):
            yield from ast.walk(node)
        case _:
            pass
    if TIME.search(name):
        yield from ast.walk(inside)


def commits(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="commit")):
                yield f"{source.name}:{node.lineno}"
            case _:
                pass


def broad_catches(source: Source) -> Iterator[str]:
    """``except:`` and ``except Exception``, and ``except BaseException`` that keeps the error."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = ast.unparse(node.type) if node.type else "everything"
        names = set(re.findall(r"\w+", caught))
        passed_on = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
        if names & {"everything", "Exception"} or ("BaseException" in names and not passed_on):
            yield f"{source.name}:{node.lineno}"


def silent_catches(source: Source) -> Iterator[str]:
    """Handlers without a single act, and ``suppress``, that no comment beside them explains.

    An error whose name is private to the module steers it: that one may go without.
    """
    lines = source.text.splitlines()
    for node in ast.walk(source.tree):
        match node:
            case ast.ExceptHandler(type=ast.Name(id=name)) if name.startswith("_"):
                continue
            case ast.ExceptHandler(body=[ast.Pass() | ast.Continue() as last]):
                until = last.lineno
            case ast.Call(func=ast.Name(id="suppress") | ast.Attribute(attr="suppress")):
                until = node.lineno
            case _:
                continue
        if not any("#" in line for line in lines[node.lineno - 1 : until]):
            yield f"{source.name}:{node.lineno}"


PACKAGES: Final = [
    path
    for path in sorted(PACKAGE.iterdir())
    if path.suffix == ".py" or (path / "__init__.py").exists()
]
PARTS: Final = [*(ROOT / name for name in OTHER_SOURCES), *PACKAGES]


def name_of(part: Path) -> str:
    return str(part.relative_to(ROOT))


def test_files_fit_into_a_head() -> None:
    lines = {
        f"{part.name}/{one.name}": one.text.count("\n") for part in PARTS for one in sources(part)
    }

    assert {name: count for name, count in lines.items() if count > FILE_LINES_MAX} == {}
    assert len(lines) > len(PARTS)


@pytest.mark.parametrize("part", PARTS, ids=name_of)
def test_functions_fit_on_a_screen(part: Path) -> None:
    every = [source for source in sources(part) if part.name != MIGRATIONS]

    assert [name for source in every for name in long_functions(source)] == []


@pytest.mark.parametrize("name", MONEY)
def test_money_is_never_a_float(name: str) -> None:
    every = sources(PACKAGE / name)

    assert every
    assert [found for source in every for found in floats(source)] == []


@pytest.mark.parametrize("name", MONEY)
def test_money_code_catches_nothing_in_silence(name: str) -> None:
    assert [found for source in sources(PACKAGE / name) for found in silent_catches(source)] == []


@pytest.mark.parametrize("part", PACKAGES, ids=name_of)
def test_only_the_writer_commits(part: Path) -> None:
    others = [one for one in sources(part) if part.name != "core" or not one.name.startswith("db/")]

    assert [it for one in others for it in commits(one)] == []


@pytest.mark.parametrize("part", PACKAGES, ids=name_of)
def test_only_the_last_handler_and_the_task_supervisor_catch_everything(part: Path) -> None:
    others = [one for one in sources(part) if f"{part.name}/{one.name}" not in BROAD_CATCHES]

    assert [it for one in others for it in broad_catches(one)] == []


@pytest.mark.parametrize(
    ("rule", "text", "found"),
    [
        (long_functions, "def f():\n" + "    pass\n" * FUNCTION_LINES_MAX, True),
        (long_functions, "def f():\n" + "    pass\n" * (FUNCTION_LINES_MAX - 1), False),
        (floats, "cost: float = 1", True),
        (floats, "charge(1.5)", True),
        (floats, "def cost() -> float: ...", True),
        (floats, "timeout_s: float = 1.5", False),
        (floats, "def fresh_for_s(now: float) -> float: ...", False),
        (floats, "if isinstance(value, float): raise TypeError", False),
        (commits, "connection.commit()", True),
        (commits, "commit = 1", False),
        (broad_catches, "try: f()\nexcept Exception as error: log(error)", True),
        (broad_catches, "try: f()\nexcept (ValueError, Exception): g()", True),
        (broad_catches, "try: f()\nexcept: g()", True),
        (broad_catches, "try: f()\nexcept BaseException: g()", True),
        (broad_catches, "try: f()\nexcept BaseException:\n    g()\n    raise", False),
        (broad_catches, "try: f()\nexcept ValueError: g()", False),
        (silent_catches, "try: f()\nexcept ValueError: pass", True),
        (silent_catches, "with suppress(ValueError): f()", True),
        (silent_catches, "with suppress(ValueError):  # it may be gone\n    f()", False),
        (silent_catches, "try: f()\nexcept ValueError:\n    pass  # it may be gone", False),
        (silent_catches, "for one in all:\n  try: f()\n  except _Taken: continue", False),
        (silent_catches, "try: f()\nexcept ValueError: g()", False),
    ],
)
def test_the_rules_tell_good_from_bad(
    rule: Callable[[Source], Iterator[str]], text: str, *, found: bool
) -> None:
    assert bool(list(rule(Source("sample.py", text)))) is found

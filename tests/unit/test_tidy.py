"""Rules for the code that no linter has: size, money without floats, commits, broad catches."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "routstr"
SOURCES: Final = ("routstr", "devkit", "demo", "scripts", "bench")
FILE_LINES_MAX: Final = 400
FUNCTION_LINES_MAX: Final = 60

MONEY: Final = ("money.py", "catalog", "ledger", "payment", "wallet")
TIME: Final = re.compile(r"(^|_)(s|seconds|at|now|until|age|due|interval)(_|$)", re.IGNORECASE)
"""Names of times: the only things near money that may be a float."""

BROAD_CATCHES: Final = {"core/middleware.py", "core/tasks.py", "proxy/hot.py"}
"""The last handlers of both halves and the supervisor of tasks. All log what they catch."""

MIGRATIONS: Final = "migrations/"
"""Lists of tables: long, but without a branch."""

COMMITS: Final = "core/db/"
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """A file, its syntax tree, and its path relative to the package or the root."""

    name: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)


def sources(folder: Path) -> list[Source]:
    paths = sorted(folder.rglob("*.py"))
    return [Source(str(p.relative_to(folder)), p.read_text(encoding="utf-8")) for p in paths]


def long_functions(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if (
            isinstance(node, Function)
            and (node.end_lineno or 0) >= node.lineno + FUNCTION_LINES_MAX
        ):
            yield f"{source.name}: {node.name}"


def floats(source: Source) -> Iterator[str]:
    """Every float that is neither a time nor a refusal (``isinstance(value, float)``)."""
    tree = source.tree  # ids belong to one tree
    allowed = {id(inner) for node in ast.walk(tree) for inner in times_of(node)}
    for node in ast.walk(tree):
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


def of_money() -> list[Source]:
    return [one for one in sources(PACKAGE) if one.name.split("/")[0] in MONEY]


def test_files_fit_into_a_head() -> None:
    for folder in SOURCES:
        for source in sources(ROOT / folder):
            lines = source.text.count("\n")
            assert lines <= FILE_LINES_MAX, f"{folder}/{source.name} has {lines} lines"


def test_functions_fit_on_a_screen() -> None:
    every = [source for folder in SOURCES for source in sources(ROOT / folder)]
    every = [source for source in every if not source.name.startswith(MIGRATIONS)]

    assert [name for source in every for name in long_functions(source)] == []


def test_money_is_never_a_float() -> None:
    assert [found for source in of_money() for found in floats(source)] == []


def test_money_code_catches_nothing_in_silence() -> None:
    assert [found for source in of_money() for found in silent_catches(source)] == []


def test_only_the_writer_commits() -> None:
    others = [one for one in sources(PACKAGE) if not one.name.startswith(COMMITS)]

    assert [found for source in others for found in commits(source)] == []


def test_only_the_last_handler_and_the_task_supervisor_catch_everything() -> None:
    # the writer hands every error to the caller who waits for it
    others = [
        one for one in sources(PACKAGE) if one.name not in {*BROAD_CATCHES, f"{COMMITS}writer.py"}
    ]

    assert [found for source in others for found in broad_catches(source)] == []


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

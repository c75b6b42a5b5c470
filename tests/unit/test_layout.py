"""Tests lie where the code lies: ``routstr/a/b.py`` is tested by ``tests/unit/a/test_b.py``.

``test_b_something.py`` is another file about the same module; a module that only speaks to a
database or to another program may have its tests under ``tests/integration`` instead.
"""

import ast
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
TESTS: Final = (ROOT / "tests" / "unit", ROOT / "tests" / "integration")
OTHER_SOURCES: Final = ("bench", "demo", "devkit", "scripts")
"""Code beside the package; its tests lie under a folder of the same name."""

ABOUT_THE_REPOSITORY: Final = {
    "test_api_versions",
    "test_changelog",
    "test_conftest",
    "test_deploy",
    "test_design_map",
    "test_docs",
    "test_docs_cli",
    "test_docs_commands",
    "test_docs_lessons",
    "test_docs_pricing",
    "test_docs_security",
    "test_docs_structure",
    "test_env_example",
    "test_layout",
    "test_makefile",
    "test_monitoring",
    "test_requirements",
    "test_tidy",
}
"""Tests of what is no module: files at the root, documents, rules for all of the code."""

NOT_MIRRORED: Final = {"__main__.py", "migrations"}


def modules_with_functions() -> list[Path]:
    """The package's modules in which something is defined, relative to the root."""
    paths = [
        path for path in sorted((ROOT / "routstr").rglob("*.py")) if b"def " in path.read_bytes()
    ]
    modules = [path.relative_to(ROOT) for path in paths]
    return [one for one in modules if not NOT_MIRRORED & set(one.parts)]


def has_logic(path: Path) -> bool:
    """Whether the module has a function that does more than to declare or to return a constant."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    protocols = [node for node in ast.walk(tree) if is_protocol(node)]
    declared = {id(inner) for protocol in protocols for inner in ast.walk(protocol)}
    functions = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and id(node) not in declared
    ]
    return any(not is_trivial(statement) for node in functions for statement in node.body)


def is_protocol(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef) and any("Protocol" in ast.dump(b) for b in node.bases)


def is_trivial(statement: ast.stmt) -> bool:
    """A docstring, ``...``, ``pass``, or ``return`` of a constant."""
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Return(value=None | ast.Constant()):
            return True
        case _:
            return False


def places_of_tests(module: Path) -> list[tuple[Path, str]]:
    """Folder and name with which the test files of a module may begin."""
    inside = Path(*module.parts[1:])
    if module.name != "__init__.py":
        return [(folder / inside.parent, f"test_{inside.stem}") for folder in TESTS]
    package = inside.parent  # a package's own code: beside its modules, or as if it were a module
    names = [(package.parent, f"test_{package.name}")] if package.name else []
    return [
        (folder / at, name) for folder in TESTS for at, name in [(package, "test_init"), *names]
    ]


@pytest.mark.parametrize("module", modules_with_functions(), ids=str)
def test_every_module_with_logic_has_its_tests(module: Path) -> None:
    if not has_logic(ROOT / module):
        return
    wanted = places_of_tests(module)

    found = [path for folder, name in wanted for path in folder.glob(f"{name}*.py")]

    assert found, f"no tests: {module} wants {wanted[0][0].relative_to(ROOT)}/{wanted[0][1]}.py"


def test_every_unit_test_file_has_its_module() -> None:
    tests = sorted(TESTS[0].rglob("test_*.py"))

    lost = [str(test.relative_to(ROOT)) for test in tests if not has_module(test)]

    assert not lost, "no such module in the package (nor a longer name that begins with one)"


def has_module(test: Path) -> bool:
    """Whether the test file is about a module of the same place, or about the repository."""
    inside = test.relative_to(TESTS[0])
    if inside.parent == Path() and test.stem in ABOUT_THE_REPOSITORY:
        return True
    source = ROOT if inside.parts[0] in OTHER_SOURCES else ROOT / "routstr"
    folder = source / inside.parent
    if test.stem == "test_init":
        return (folder / "__init__.py").exists()
    words = test.stem.removeprefix("test_").split("_")
    names = ["_".join(words[:count]) for count in range(1, len(words) + 1)]
    if "main" in names:
        names.append("__main__")
    return any((folder / file).exists() for name in names for file in files_of(name))


def files_of(name: str) -> tuple[str, ...]:
    """How a module, a package or a shell script of that name may be called."""
    return (f"{name}.py", f"{name}/__init__.py", f"{name.replace('_', '-')}.sh")


@pytest.mark.parametrize(
    ("source", "logic"),
    [
        ("A = 1", False),
        ("class Empty(Exception):\n    '''Nothing.'''", False),
        ("class Port(Protocol):\n    def ask(self) -> int: return self.one + 1", False),
        ("def constant() -> int:\n    '''One.'''\n    return 1", False),
        ("def twice(n: int) -> int:\n    return 2 * n", True),
        ("class Box:\n    async def open(self) -> None:\n        await self.lid", True),
    ],
)
def test_only_functions_that_do_something_are_logic(
    tmp_path: Path, source: str, *, logic: bool
) -> None:
    module = tmp_path / "module.py"
    module.write_text(source, encoding="utf-8")

    assert has_logic(module) is logic

"""Docstrings say which errors a function raises: whoever calls it need not read it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.unit
#: What is for callers to handle; others mean a mistake in the program.
NOT_FOR_CALLERS = {"AssertionError", "NotImplementedError", "RuntimeError", "StopIteration", "SystemExit"}
FOLDERS = [
    ROOT / "cache", ROOT / "resolver",
    *(ROOT / "wenv" / name for name in (
        "api", "make", "run", "pack", "share", "report", "bake", "snapshot", "runtimes", "environment", "policy", "engine",
    )),
]  # fmt: skip
Function = ast.FunctionDef | ast.AsyncFunctionDef


def raised(function: Function) -> set[str]:
    """The errors that a function itself raises by name."""
    found, left = set[str](), list[ast.AST](function.body)
    while left:
        node = left.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
            found.add(node.exc.func.id)
        left.extend(ast.iter_child_nodes(node))
    return {name for name in found if name[0].isupper()} - NOT_FOR_CALLERS


def public(tree: ast.Module) -> list[tuple[str, Function]]:
    """Functions, and methods of classes, whose names are public."""
    found: list[tuple[str, Function]] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append((node.name, node))
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            # what says nothing and has a base is described there
            methods = [each for each in node.body if isinstance(each, Function)]
            found += [(f"{node.name}.{each.name}", each) for each in methods if ast.get_docstring(each) or not _inherits(node)]
    return [(name, each) for name, each in found if not each.name.startswith("_")]


def _inherits(node: ast.ClassDef) -> bool:
    """Whether a class has a base, or says whose interface it has."""
    return bool(node.bases) or "See `" in (ast.get_docstring(node) or "")


FILES = sorted(path for folder in FOLDERS for path in folder.rglob("*.py") if "in_build" not in path.parts)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_errors_are_named(path: Path) -> None:
    for name, function in public(ast.parse(path.read_text("utf-8"))):
        said = ast.get_docstring(function) or ""
        missing = [error for error in sorted(raised(function)) if error not in said]
        assert not missing, f"{name} raises {', '.join(missing)}, and does not say so"

"""Files and functions stay small enough to be read at once."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
DRAWERS = {"common", "helpers", "helper", "manager", "misc", "util", "utils"}

# Path, or path::function, with the reason why it may be longer.
EXCEPTIONS: dict[str, str] = {}


def python_files() -> Iterator[Path]:
    for folder in ("src", "tests", "benchmarks", "examples"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "node_modules" not in path.parts:
                yield path


def test_files_are_small() -> None:
    long = [
        f"{name} has {lines} lines"
        for path in python_files()
        if (name := str(path.relative_to(ROOT))) not in EXCEPTIONS
        and (lines := len(path.read_text().splitlines())) > FILE_LINES_MAX
    ]
    assert not long, long


def test_functions_are_small() -> None:
    long = []
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            name = f"{path.relative_to(ROOT)}::{node.name}"
            if lines > FUNCTION_LINES_MAX and name not in EXCEPTIONS:
                long.append(f"{name} has {lines} lines")
    assert not long, long


def test_exceptions_are_still_needed() -> None:
    for name in EXCEPTIONS:
        assert (ROOT / name.partition("::")[0]).exists(), name


def test_no_module_is_a_drawer() -> None:
    drawers = [str(path) for path in python_files() if path.stem in DRAWERS]
    assert not drawers, drawers


def test_seams_fit_on_a_screen() -> None:
    """A seam has at most 8 methods, none of which does anything."""
    for path in sorted((ROOT / "src/tandem").glob("*/base.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
                assert len(methods) <= 8, f"{path}: {node.name} has {len(methods)} methods"
                for method in methods:
                    assert _does_nothing(method), f"{path}: {node.name}.{method.name}"


def _does_nothing(method: ast.FunctionDef) -> bool:
    """A docstring or `...` and no more."""
    return len(method.body) == 1 and (
        isinstance(method.body[0], ast.Expr) and isinstance(method.body[0].value, ast.Constant)
    )

"""`.ci/pytest` passes what passes alone, and nothing that has not passed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "pytest"
FIRST = "import pathlib, pytest\nis_first = not pathlib.Path('seen').exists()\n"
SEES = "pathlib.Path('seen').touch()"


def ends(folder: Path, tests: dict[str, str], *arguments: str) -> int:
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "pytest").symlink_to(Path(sys.executable).parent / "pytest")
    for name, lines in tests.items():
        body = "".join(f"    {line}\n" for line in lines.split("; "))
        (folder / f"{name}.py").write_text(f"{FIRST}def test_it():\n    {SEES}\n{body}")
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        check=False,
        timeout=120,
    ).returncode


def test_what_passes_alone_passes(tmp_path: Path) -> None:
    assert ends(tmp_path, {"test_a": "assert not is_first", "test_b": "pass"}) == 0


@pytest.mark.parametrize(
    ("tests", "arguments"),
    [
        ({"test_a": "assert False"}, ()),
        ({"test_a": "assert not is_first; pytest.skip('busy')"}, ()),
        ({"test_crash": "assert not is_first"}, ()),
        ({"test_a": "assert not is_first", "test_b": "assert False"}, ("-x",)),
    ],
)
def test_what_has_not_passed_does_not(
    tmp_path: Path, tests: dict[str, str], arguments: tuple[str, ...]
) -> None:
    assert ends(tmp_path, tests, *arguments) != 0

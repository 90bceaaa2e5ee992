"""The list of commands, and what it costs to show it."""

import importlib
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from tandem.cli import main
from tandem.cli.main import SECTIONS

COMMANDS = {name: command for section in SECTIONS.values() for name, command in section.items()}
HEAVY = {"pyarrow", "numpy", "pandas", "polars", "duckdb", "sqlalchemy", "rich", "uvicorn", "yaml"}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_begins_with_its_line_in_the_list(name: str) -> None:
    module, _, attribute = COMMANDS[name].home.partition(":")
    command = getattr(importlib.import_module(module), attribute)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert (command.help or "").splitlines()[0] == COMMANDS[name].help


def test_the_list_names_every_command_under_its_section() -> None:
    shown = CliRunner().invoke(main, ["--help"])
    assert shown.exit_code == 0
    for title, section in SECTIONS.items():
        assert f"\n{title}:\n" in shown.output
        for name, command in section.items():
            assert f"  {name}" in shown.output
            assert command.help in shown.output


def test_a_command_that_is_not_there_is_wrong_usage() -> None:
    shown = CliRunner().invoke(main, ["grups"])
    assert shown.exit_code == 2
    assert "No such command 'grups'" in shown.output


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["grups"]])
def test_help_imports_nothing_that_is_slow(arguments: list[str]) -> None:
    assert not imported("-m", "tandem", *arguments) & HEAVY


def test_importing_the_package_imports_nothing_that_is_slow() -> None:
    assert not imported("-c", "import tandem, tandem.errors; dir(tandem)") & HEAVY


def test_commands_do_without_frame_libraries(tmp_path: object) -> None:
    found = imported("-m", "tandem", "groups", "--store", f"{tmp_path}/nothing")
    assert "pyarrow" in found
    assert not found & {"pandas", "polars", "uvicorn"}


@pytest.mark.parametrize("arguments", [["groups", "--store"], ["env", "--url"]])
def test_commands_on_a_server_do_without_engines(arguments: list[str]) -> None:
    found = imported("-m", "tandem", *arguments, "http://127.0.0.1:9")
    assert "urllib3" in found
    assert not found & {"sqlalchemy", "lmdb", "sqlglot", "awscrt", "uvicorn", "pandas", "polars"}


def imported(*arguments: str) -> set[str]:
    """The top-level packages that a Python process imports."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    lines = [line for line in run.stderr.splitlines() if line.startswith("import time:")]
    assert len(lines) > 20
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}

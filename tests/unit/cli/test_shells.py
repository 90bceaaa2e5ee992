"""Lines that change a shell's variables, and lines that take it back, run by real shells."""

import json
import os
import shutil
import subprocess

import pytest

from tandem.cli.shells import SHELLS, change_lines, json_text, restore_lines, restored, unchanged

ODD = 'it\'s "one" $HOME `id` \\ ; é\nnext'
BEFORE = {"KEPT": "kept", "CHANGED": ODD, "REMOVED": "secret"}
WANTED = {"CHANGED": "new 'text' $(id)", "REMOVED": None, "ADDED": "added"}
AFTER = {"KEPT": "kept", "CHANGED": "new 'text' $(id)", "ADDED": "added"}


def environment_after(lines: str, before: dict[str, str], program: str) -> dict[str, str]:
    """The variables of ours that a shell has once it has run the lines."""
    shell = shutil.which(program)
    if shell is None:
        pytest.skip(f"{program} is not installed")
    run = subprocess.run(
        [shell, "-c", f"{lines}\nexec env -0"],
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **before},
        capture_output=True,
        check=True,
        text=True,
        timeout=30,
    )
    assert run.stderr == ""
    pairs = (entry.partition("=") for entry in run.stdout.split("\0") if entry)
    ours = {name: value for name, _, value in pairs if name in {*BEFORE, *WANTED, "OTHER"}}
    marks = {name: value for name, _, value in _pairs(run.stdout) if name.startswith("TANDEM_")}
    return ours | marks


def _pairs(text: str) -> list[tuple[str, str, str]]:
    return [entry.partition("=") for entry in text.split("\0") if entry]


@pytest.mark.parametrize(
    ("name", "program"), [("sh", "bash"), ("sh", "sh"), ("sh", "zsh"), ("fish", "fish")]
)
def test_a_change_is_made_and_taken_back(name: str, program: str) -> None:
    shell = SHELLS[name]
    changed = environment_after(change_lines(shell, BEFORE, WANTED), BEFORE, program)
    assert changed.items() >= AFTER.items()
    assert "REMOVED" not in changed
    assert unchanged(changed) == BEFORE
    assert restored(changed) == {"CHANGED": ODD, "REMOVED": "secret", "ADDED": None}
    again = environment_after(restore_lines(shell, changed), changed, program)
    assert again == BEFORE


@pytest.mark.parametrize(("name", "program"), [("sh", "bash"), ("fish", "fish")])
def test_a_second_change_keeps_what_was_before_the_first(name: str, program: str) -> None:
    shell = SHELLS[name]
    first = environment_after(change_lines(shell, BEFORE, WANTED), BEFORE, program)
    other = {"CHANGED": "third", "OTHER": "other"}
    second = environment_after(change_lines(shell, first, other), first, program)
    assert second.items() >= {"KEPT": "kept", "REMOVED": "secret", **other}.items()
    assert "ADDED" not in second
    assert environment_after(restore_lines(shell, second), second, program) == BEFORE


@pytest.mark.parametrize("name", SHELLS)
def test_no_value_of_the_user_is_printed(name: str) -> None:
    lines = change_lines(SHELLS[name], {"REMOVED": "secret"}, {"REMOVED": None})
    assert "REMOVED" in lines
    assert "secret" not in lines


@pytest.mark.parametrize("name", SHELLS)
def test_what_is_no_name_is_never_run(name: str) -> None:
    environment = {"TANDEM_ENV": "A $(id) B;id", "TANDEM_SAVED_A": "1"}
    assert "id" not in restore_lines(SHELLS[name], environment)


def test_powershell_quotes_as_powershell_does() -> None:
    # It is not installed where these tests run.
    lines = change_lines(SHELLS["powershell"], {"A": "1"}, {"A": "it's", "B": None})
    assert lines.splitlines() == [
        "$env:TANDEM_SAVED_A = $env:A",
        "$env:A = 'it''s'",
        "Remove-Item Env:B -ErrorAction SilentlyContinue",
        "$env:TANDEM_ENV = 'A B'",
    ]


def test_nothing_is_taken_back_where_nothing_was_changed() -> None:
    assert restore_lines(SHELLS["sh"], BEFORE) == ""
    assert restored(BEFORE) == {}


def test_json_has_null_for_what_must_go() -> None:
    assert json.loads(json_text(WANTED)) == WANTED

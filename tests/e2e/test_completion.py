"""Completion in a real bash, from the script that `tandem completion bash` prints."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

import tandem
from e2e.locations import ON_A_FOLDER
from tandem.cli import main

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")

ASK = """
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_tandem_completion tandem
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module", autouse=True)
def groups(store: tandem.FeatureStore) -> None:
    for name in ("customers", "customers-v2", "products"):
        store.create_feature_group(
            name, features={"id": "String", "t": "String"}, record_identifier="id", event_time="t"
        )


@cache
def script(shell: str) -> str:
    """What `tandem completion` prints, in this process."""
    return CliRunner().invoke(main, ["completion", shell], prog_name="tandem").stdout


def completions(location: str, *words: str, folder: Path | None = None) -> list[str]:
    """What bash offers for the last of the words."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(
        ["bash", "--norc", "-c", script("bash") + ASK, "bash", "tandem", *words],
        env={**os.environ, "PATH": path, "TANDEM_STORE": location},
        cwd=folder,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert run.stderr == ""
    return run.stdout.split()


@ON_A_FOLDER
def test_commands_and_options(location: str) -> None:
    assert sorted(completions(location, "re")) == ["restore", "retire"]
    assert completions(location, "list-") == ["list-records"]
    assert completions(location, "ingest", "--tar") == ["--target-store"]
    assert completions(location, "completion", "z") == ["zsh"]


def test_names_of_feature_groups_come_from_the_store(location: str) -> None:
    assert completions(location, "describe", "cust") == ["customers", "customers-v2"]
    assert completions(location, "get", "p") == ["products"]
    assert completions(location, "alias", "now", "customers-") == ["customers-v2"]
    assert completions("nowhere", "describe", "--store", location, "prod") == ["products"]


@ON_A_FOLDER
def test_without_a_store_nothing_is_offered_and_nothing_is_said(tmp_path: Path) -> None:
    assert completions("no-such-folder", "describe", "cust", folder=tmp_path) == []
    assert completions("http://127.0.0.1:9", "describe", "cust", folder=tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@ON_A_FOLDER
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_parse(shell: str) -> None:
    assert "_TANDEM_COMPLETE" in script(shell)
    if shutil.which(shell) is not None:
        flag = "--no-execute" if shell == "fish" else "-n"
        subprocess.run([shell, flag], input=script(shell), check=True, text=True, timeout=60)

"""`tandem access-keys` on a folder that holds no store."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tandem.cli.main import main


@pytest.mark.parametrize("arguments", [["list"], ["delete", "AKIANONE"]])
def test_a_folder_without_a_store_is_refused_and_left_as_it_is(
    tmp_path: Path, arguments: list[str]
) -> None:
    refused = CliRunner().invoke(main, ["access-keys", *arguments, "--data", str(tmp_path)])
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"Error: there is no store in {str(tmp_path)!r}")
    assert not list(tmp_path.iterdir())


def test_keys_may_be_made_before_there_is_a_server(tmp_path: Path) -> None:
    made = CliRunner().invoke(main, ["access-keys", "create", "--data", str(tmp_path / "new")])
    assert made.exit_code == 0
    listed = CliRunner().invoke(main, ["access-keys", "list", "--data", str(tmp_path / "new")])
    assert made.stdout.split("=")[1].split()[0] in listed.stdout

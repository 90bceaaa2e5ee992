"""`tandem batch-load`, where it does not need a load that is long."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

import tandem
from tandem.cli import batch_loads
from tandem.model.batch_load import LoadStatus


def test_a_status_is_given_as_it_is_shown(tmp_path: Path) -> None:
    tandem.connect(tmp_path / "data").close()
    for status in LoadStatus:
        arguments = ["list", "--status", status.value, "--store", str(tmp_path / "data")]
        done = CliRunner().invoke(batch_loads.batch_load, arguments)
        assert (done.exit_code, done.stdout) == (0, "none\n"), done.output


def test_an_interrupt_says_that_the_load_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(**_: Any) -> None:
        raise KeyboardInterrupt

    load: Any = SimpleNamespace(
        id="3f8a", record=SimpleNamespace(group_name="customers"), wait=interrupted
    )
    with pytest.raises(KeyboardInterrupt):
        batch_loads._wait(load)
    assert "'tandem batch-load cancel 3f8a'" in capsys.readouterr().err

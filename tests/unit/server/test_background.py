"""The background process as its server starts and ends it."""

import os
import signal
import time
from pathlib import Path

import pytest

from tandem.assembly.settings import Settings
from tandem.errors import StoreUnavailable
from tandem.server.background import Background


def test_it_starts_in_any_folder_and_ends_with_its_server_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Modules of the folder that a server is started in are not its own; Ctrl-C, which the
    terminal sends to both, is the server's.
    """
    (tmp_path / "uvloop.py").write_text("raise SystemExit(7)\n")
    monkeypatch.chdir(tmp_path)
    background = Background(Settings(data=tmp_path / "data"))
    try:
        os.kill(background._process.pid, signal.SIGINT)
        background._wait_until_ready()
        os.kill(background._process.pid, signal.SIGINT)
        time.sleep(0.1)
        assert background.problem is None
        os.kill(background._process.pid, signal.SIGSTOP)
    finally:
        begun = time.monotonic()
        background.close()
    assert background._process.returncode in (0, -signal.SIGTERM)
    assert time.monotonic() - begun < 10
    assert not background._folder.socket.parent.exists()


def test_one_that_cannot_be_started_again_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    background = Background(Settings(data=tmp_path / "data"))
    try:
        background._wait_until_ready()

        def fail() -> None:
            raise OSError("too many processes")

        with monkeypatch.context() as patch:
            patch.setattr(background, "_start", fail)
            assert not background._start_again()
        background._process.kill()
        background._process.wait()
        time.sleep(0.1)
        with monkeypatch.context() as patch:
            patch.setattr("tandem.server.background._SECONDS_TO_READY_MAX", 0.0)
            with pytest.raises(StoreUnavailable):
                background._wait_until_ready()
        monkeypatch.setattr("tandem.server.background._SECONDS_TO_READY_MAX", 30.0)
        background._wait_until_ready()
    finally:
        background.close()

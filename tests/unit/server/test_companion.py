"""A companion, a process beside the server, as the server starts and ends it."""

import os
import signal
import time
from pathlib import Path

import pytest

from tandem.assembly.settings import Settings
from tandem.errors import StoreUnavailable
from tandem.server.companion import Companion


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes long to start a process."""
    monkeypatch.setattr("tandem.server.companion._SECONDS_TO_READY_MAX", 60.0)


def companion(folder: Path, **more: float) -> Companion:
    settings = Settings(data=folder / "data")
    return Companion("background process", "tandem.server.background_process", settings, **more)


def test_it_starts_in_any_folder_and_ends_with_its_server_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Modules of the folder that a server is started in are not its own; Ctrl-C, which the
    terminal sends to both, is the server's.
    """
    (tmp_path / "uvloop.py").write_text("raise SystemExit(7)\n")
    monkeypatch.chdir(tmp_path)
    running = companion(tmp_path)
    try:
        running.start()
        assert running._process is not None
        os.kill(running._process.pid, signal.SIGINT)
        running.wait_until_ready()
        os.kill(running._process.pid, signal.SIGINT)
        time.sleep(0.1)
        assert running.problem is None
        os.kill(running._process.pid, signal.SIGSTOP)
    finally:
        running.close()
    # By itself: who does not end in time is killed.
    assert running._process.returncode in (0, -signal.SIGTERM)
    assert not running.socket.parent.exists()


def test_one_that_cannot_be_started_again_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = companion(tmp_path, pause_seconds_max=0.05)
    try:
        running.start()
        running.wait_until_ready()
        first = running._process
        assert first is not None

        def fail() -> None:
            raise OSError("too many processes")

        with monkeypatch.context() as patch:
            patch.setattr(running, "_start", fail)
            assert not running._start_again()
            first.kill()
            while running.is_ready:
                time.sleep(0.001)
            patch.setattr("tandem.server.companion._SECONDS_TO_READY_MAX", 0.0)
            with pytest.raises(StoreUnavailable, match="background process has not started yet"):
                running.wait_until_ready()
        running.wait_until_ready()
        running.start()
        assert running._process is not first
    finally:
        running.close()


def test_one_that_was_never_started_is_closed_as_well(tmp_path: Path) -> None:
    running = companion(tmp_path)
    assert running.problem is None
    assert not running.is_ready
    running.close()
    running.start()
    assert running._process is None
    assert not running.socket.parent.exists()

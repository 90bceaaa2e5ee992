"""The socket of a companion lies in a private folder, which goes with its server."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.errors import StoreUnavailable
from tandem.server import socket_folder
from tandem.server.socket_folder import SocketFolder


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # The path that pytest gives is too long for a socket.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def test_only_this_user_may_enter_it_and_it_goes(temporary: Path, tmp_path: Path) -> None:
    folder = SocketFolder(tmp_path)
    assert folder.socket.parent.parent == temporary
    assert folder.socket.parent.stat().st_mode & 0o777 == 0o700
    folder.socket.touch()
    folder.close()
    assert list(temporary.iterdir()) == []


def test_what_killed_servers_left_goes_and_what_living_ones_have_stays(
    temporary: Path, tmp_path: Path
) -> None:
    living, killed = SocketFolder(tmp_path), SocketFolder(tmp_path)
    for folder in (living, killed):
        folder.socket.touch()
    os.close(killed._lock)  # as the system does
    mine = temporary / "tandem-socket-notes"
    mine.mkdir()
    (mine / "text").touch()
    (temporary / "tandem-socket-link").symlink_to(mine)
    third = SocketFolder(tmp_path)
    assert living.socket.exists()
    assert not killed.socket.parent.exists()
    assert (temporary / "tandem-socket-link" / "text").exists()
    living.close()
    third.close()


def test_a_long_name_is_no_place_for_a_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("l" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    folder = SocketFolder(tmp_path)
    assert folder.socket.is_relative_to("/tmp")
    folder.close()
    monkeypatch.setattr(socket_folder, "_parents", lambda _: [long, tmp_path / "none"])
    with pytest.raises(StoreUnavailable, match=r"too long for a socket.*set TMPDIR"):
        SocketFolder(tmp_path)

"""What a server of several workers refuses to begin with."""

from pathlib import Path

import pytest

from tandem.assembly.access_keys import opened_access_keys
from tandem.assembly.settings import Settings
from tandem.errors import StoreUnavailable, ValidationError
from tandem.server.run import serve


def ready(url: str, requires_signatures: bool) -> None:
    raise AssertionError(f"{url} is said to be ready")


def test_a_store_in_memory_has_one_worker(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", workers=2, online_store="memory")
    with pytest.raises(ValidationError, match="workers 2 is not valid: a store in memory"):
        serve(settings, "127.0.0.1", 0, when_ready=ready)
    assert not (tmp_path / "data").exists()


def test_a_worker_that_cannot_begin_ends_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem.server.workers._MODULE", "tandem.nowhere")
    settings = Settings(
        data=tmp_path / "data", workers=2, background_process=False, query_process=False
    )
    with pytest.raises(StoreUnavailable, match=r"worker . has ended with exit code 1 when it was"):
        serve(settings, "127.0.0.1", 0, when_ready=ready)


def test_what_is_wrong_with_the_store_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "data" / "registry.sqlite").mkdir(parents=True)
    with pytest.raises(StoreUnavailable, match=r"registry\.sqlite"):
        serve(Settings(data=tmp_path / "data", workers=2), "127.0.0.1", 0, when_ready=ready)


def test_what_is_wrong_with_the_access_keys_is_said_once(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", workers=2)
    with opened_access_keys(settings) as keys:
        keys.create()
    (settings.data / "access.key").chmod(0o644)
    with pytest.raises(ValidationError, match=r"run chmod 600 .*access\.key"):
        serve(settings, "127.0.0.1", 0, when_ready=ready)

"""The archive of a group is read file by file, and no further than it is asked for."""

from pathlib import Path

import pytest

from tandem.offline import group_folders
from tandem.offline.parquet import ParquetOfflineStore
from tandem.registry.memory import MemoryRegistry
from tandem.testing.purchases import purchase, purchases_group

GROUP = purchases_group()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first positions of the archive files that are opened."""
    real, opened = group_folders.read_archive, []

    def read_archive(path: Path, *arguments: object) -> object:
        opened.append(int(path.name.split("-")[1]))
        return real(path, *arguments)

    monkeypatch.setattr(group_folders, "read_archive", read_archive)
    return opened


@pytest.fixture
def store(tmp_path: Path) -> ParquetOfflineStore:
    """Ten entries in five ranges."""
    store = ParquetOfflineStore(tmp_path, MemoryRegistry())
    for after in range(0, 10, 2):
        store.append(GROUP, 0, after, [purchase(GROUP, after + 1), purchase(GROUP, after + 2)])
    return store


def test_one_file_at_a_time(store: ParquetOfflineStore, opened: list[int]) -> None:
    entries = store.archived(GROUP)
    assert opened == []
    for position in range(1, 11):
        assert next(entries).position == position
        assert opened == list(range(1, position + 1, 2))


@pytest.mark.parametrize(
    ("after", "files"),
    [(0, [1, 3, 5, 7, 9]), (3, [3, 5, 7, 9]), (4, [5, 7, 9]), (10, []), (99, [])],
)
def test_files_that_were_read_before_are_not_opened(
    store: ParquetOfflineStore, opened: list[int], after: int, files: list[int]
) -> None:
    list(store.archived(GROUP, {0: after}))
    assert opened == files


def test_files_of_ranges_that_overlap(store: ParquetOfflineStore, opened: list[int]) -> None:
    """A delivery that lost a race may leave them: they hold the same entries."""
    folder = store._folders.of(GROUP)
    other = ParquetOfflineStore(folder.path.parents[6] / "other", MemoryRegistry())
    other.append(GROUP, 0, 0, [purchase(GROUP, position) for position in range(1, 6)])
    (lost,) = other._folders.of(GROUP).archive.iterdir()
    lost.rename(folder.archive / lost.name)
    assert [entry.position for entry in store.archived(GROUP)] == list(range(1, 11))
    assert opened == [1, 1, 5, 7, 9], "the second file adds three entries, so the third adds none"

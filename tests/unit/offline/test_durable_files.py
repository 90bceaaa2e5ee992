import errno
import os
from itertools import count
from pathlib import Path

import pytest

from tandem.errors import ConflictError, StoreUnavailable
from tandem.offline import durable_files
from tandem.offline.durable_files import DurableFiles, DurableFolders, make_root
from tandem.testing.power_cut import DiskRecord, PowerCut, power_cut_at

CONTENT = {"one/a/1.parquet": b"first", "one/b/2.parquet": b"second", "two/3.parquet": b"third"}


def publish(root: Path, folders: DurableFolders, content=CONTENT) -> None:
    with DurableFiles(folders) as files:
        for name, data in content.items():
            assert files.stage(root / name, lambda file, data=data: file.write(data)) == len(data)
        files.publish()


def names_below(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_files_have_their_bytes_and_names(tmp_path):
    publish(tmp_path, DurableFolders(tmp_path))
    assert names_below(tmp_path) == sorted(CONTENT)
    for name, data in CONTENT.items():
        assert (tmp_path / name).read_bytes() == data


def test_what_was_published_before_is_replaced(tmp_path):
    folders = DurableFolders(tmp_path)
    publish(tmp_path, folders)
    publish(tmp_path, folders, dict.fromkeys(CONTENT, b"new"))
    assert names_below(tmp_path) == sorted(CONTENT)
    assert (tmp_path / "two/3.parquet").read_bytes() == b"new"


def test_nothing_stays_where_the_block_is_left_without_publishing(tmp_path):
    with DurableFiles(DurableFolders(tmp_path)) as files:
        files.stage(tmp_path / "a" / "1.parquet", lambda file: file.write(b"x"))
        assert len(names_below(tmp_path)) == 1
    assert names_below(tmp_path) == []


def test_a_staged_file_is_passed_over_by_readers(tmp_path):
    with DurableFiles(DurableFolders(tmp_path)) as files:
        files.stage(tmp_path / "1.parquet", lambda file: file.write(b"x"))
        (name,) = names_below(tmp_path)
    assert name.startswith("_")
    assert not name.endswith(".parquet")


def test_everything_survives_a_power_cut_after_publishing(tmp_path):
    disk = DiskRecord()
    with disk.recording():
        publish(tmp_path, DurableFolders(tmp_path))
    assert [disk.missing(tmp_path / name, tmp_path) for name in CONTENT] == [[], [], []]
    assert disk.renamed_unsynced == []


def test_folders_that_an_earlier_process_left_are_synced_too(tmp_path):
    (tmp_path / "one" / "a").mkdir(parents=True)
    disk = DiskRecord()
    with disk.recording():
        publish(tmp_path, DurableFolders(tmp_path))
    assert disk.missing(tmp_path / "one/a/1.parquet", tmp_path) == []


def test_folders_known_to_be_durable_are_not_synced_again(tmp_path):
    folders = DurableFolders(tmp_path)
    publish(tmp_path, folders)
    with power_cut_at(1_000) as steps:
        publish(tmp_path, folders)
    assert steps.count("fsync") == len(CONTENT) + 3  # the files, and the folders with new names


def test_forgotten_folders_are_synced_again(tmp_path, monkeypatch):
    monkeypatch.setattr(durable_files, "_REMEMBERED_FOLDERS_MAX", 0)
    folders = DurableFolders(tmp_path)
    publish(tmp_path, folders, {"deep/er/1.parquet": b"x"})
    publish(tmp_path, folders, {"other/1.parquet": b"x"})
    disk = DiskRecord()
    with disk.recording():
        publish(tmp_path, folders, {"deep/er/2.parquet": b"x"})
    assert disk.missing(tmp_path / "deep/er/2.parquet", tmp_path) == []


def test_a_folder_that_was_taken_away_is_made_and_synced_again(tmp_path):
    folders = DurableFolders(tmp_path)
    publish(tmp_path, folders, {"one/a/1.parquet": b"x"})
    (tmp_path / "one/a/1.parquet").unlink()
    (tmp_path / "one/a").rmdir()
    disk = DiskRecord()
    with disk.recording():
        publish(tmp_path, folders, {"one/a/2.parquet": b"x"})
    assert tmp_path / "one/a" not in disk.missing(tmp_path / "one/a/2.parquet", tmp_path)


def test_after_a_power_cut_at_any_step_the_same_files_can_be_published(tmp_path):
    for step in count(1):
        root = tmp_path / str(step)
        root.mkdir()
        try:
            with power_cut_at(step) as steps:
                publish(root, DurableFolders(root))
        except PowerCut:
            for name in names_below(root):
                assert name.endswith(".partial") or (root / name).read_bytes() == CONTENT[name]
        else:
            break
        publish(root, DurableFolders(root))
        assert names_below(root) == sorted(CONTENT)
    assert steps.count("replace") == 3
    assert step > 3 + 3 + 3  # folders, syncs and renames at least


def test_leftovers_of_other_files_stay(tmp_path):
    other = tmp_path / "two" / "_4.parquet.0123abcd.partial"
    mine = tmp_path / "two" / "_3.parquet.0123abcd.partial"
    foreign = tmp_path / "two" / "_3.parquet"
    other.parent.mkdir()
    for path in (other, mine, foreign):
        path.touch()
    publish(tmp_path, DurableFolders(tmp_path))
    assert other.exists()
    assert foreign.exists()
    assert not mine.exists()


def test_an_attempt_that_was_cleared_away_says_so(tmp_path):
    folders = DurableFolders(tmp_path)
    with DurableFiles(folders) as slow:
        slow.stage(tmp_path / "1.parquet", lambda file: file.write(b"slow"))
        publish(tmp_path, folders, {"1.parquet": b"fast"})
        with pytest.raises(ConflictError, match=r"1\.parquet"):
            slow.publish()
    assert (tmp_path / "1.parquet").read_bytes() == b"fast"


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    """Linux's /dev/full answers every write as a full disk does."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    original = Path.open

    def open_full(path, mode="r", **options):
        if mode != "xb":
            return original(path, mode, **options)
        path.touch()
        return original(Path("/dev/full"), "wb", **options)

    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(StoreUnavailable, match=f"the disk that holds {tmp_path}/two is full"):
        publish(tmp_path, DurableFolders(tmp_path), {"two/3.parquet": b"x" * 5_000_000})
    assert names_below(tmp_path) == []


@pytest.mark.parametrize("call", ["mkdir", "fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_what_the_system_refuses_is_named(tmp_path, monkeypatch, call, code):
    def refuse(*_arguments, **_options):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        expected = "cannot be written: Input/output error" if code == errno.EIO else "is full"
        with pytest.raises(StoreUnavailable, match=rf"{tmp_path}.*{expected}"):
            publish(tmp_path, DurableFolders(tmp_path))
    assert names_below(tmp_path) == []
    publish(tmp_path, DurableFolders(tmp_path))
    assert names_below(tmp_path) == sorted(CONTENT)


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path):
    (tmp_path / "two").touch()
    with pytest.raises(StoreUnavailable, match="two cannot be written"):
        publish(tmp_path, DurableFolders(tmp_path))


def test_a_root_is_made_with_all_above_it(tmp_path):
    disk = DiskRecord()
    root = tmp_path / "data" / "offline"
    with disk.recording():
        make_root(root)
    # A folder has no bytes of its own, so the path itself is all that may be reported.
    assert disk.missing(root, tmp_path) == [root]
    make_root(root)


def test_a_root_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "data").touch()
    with pytest.raises(StoreUnavailable, match="data"):
        make_root(tmp_path / "data" / "offline")

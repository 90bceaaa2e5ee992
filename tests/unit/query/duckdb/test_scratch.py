import subprocess
import sys

from tandem.query.duckdb.scratch import ScratchFolder


def test_each_has_a_folder_of_its_own_and_removes_it(tmp_path):
    parent = tmp_path / "a" / "scratch"
    first, second = ScratchFolder(parent), ScratchFolder(parent)
    assert first.path != second.path
    assert first.path.is_dir()
    first.remove()
    assert [path.resolve() for path in parent.iterdir()] == [second.path]
    second.remove()
    assert list(parent.iterdir()) == []


def test_what_a_crash_left_is_removed_and_what_lives_is_kept(tmp_path):
    crash = (
        "import os, sys; from pathlib import Path;"
        "from tandem.query.duckdb.scratch import ScratchFolder;"
        "folder = ScratchFolder(Path(sys.argv[1]));"
        "(folder.path / 'spilled').write_text('x'); os._exit(1)"
    )
    alive = ScratchFolder(tmp_path)
    subprocess.run([sys.executable, "-c", crash, str(tmp_path)], check=False, timeout=60)
    assert len(list(tmp_path.iterdir())) == 2
    newer = ScratchFolder(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([alive.path, newer.path])
    alive.remove()
    newer.remove()


def test_files_of_others_are_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "query-notes").mkdir()
    ScratchFolder(tmp_path).remove()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "query-notes"]

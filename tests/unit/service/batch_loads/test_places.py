"""Where batch loads may read and write: nothing leads out of what the settings allow."""

import os
from pathlib import Path

import pytest

from tandem.assembly.core import Core
from tandem.errors import AccessForbidden, ConflictError, ResourceNotFound, ValidationError
from tandem.service.batch_loads.own_buckets import OwnBuckets
from tandem.service.batch_loads.places import AllowedPlaces, Places


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    folder = tmp_path / "allowed"
    (folder / "deep" / "er").mkdir(parents=True)
    for name in ("b.csv", "a.csv", "deep/c.csv", "deep/er/d.csv", "_SUCCESS", "deep/.hidden.csv"):
        (folder / name).write_text("x")
    (tmp_path / "secret.csv").write_text("secret")
    (tmp_path / "allowed-too.csv").write_text("a folder's name is no prefix")
    return folder


@pytest.fixture
def places(core: Core, allowed: Path) -> Places:
    own = OwnBuckets(core._lake_objects)
    prefixes = ["s3://elsewhere/in"]
    return Places(own, AllowedPlaces(folders=[allowed], s3_prefixes=prefixes))


def names(places: Places, location: str) -> list[str]:
    return [Path(file.uri).name for file in places.files(location)]


def test_files_folders_and_patterns(places: Places, allowed: Path) -> None:
    assert names(places, f"{allowed}/deep/c.csv") == ["c.csv"]
    assert names(places, str(allowed)) == ["a.csv", "b.csv", "c.csv", "d.csv"]
    assert names(places, f"{allowed}/deep/") == ["c.csv", "d.csv"]
    assert names(places, f"{allowed}/*.csv") == ["a.csv", "b.csv"]
    assert names(places, f"{allowed}/**/d*") == ["d.csv"]
    assert names(places, f"{allowed}/deep/../a.csv") == ["a.csv"]
    (allowed / "x[1].csv").write_text("x")
    assert names(places, f"{allowed}/x[1].csv") == ["x[1].csv"]


def test_own_buckets(core: Core, places: Places) -> None:
    objects = core._lake_objects()
    objects.buckets.create("mine")
    for key in ("in/b.csv", "in/a.csv", "other.csv", "in/_tmp/c.csv"):
        objects.put("mine", key, lambda file: file.write(b"x"))
    assert names(places, "s3://mine/in") == ["a.csv", "b.csv"]
    assert names(places, "s3://mine/in/a.csv") == ["a.csv"]
    assert names(places, "s3://mine/*.csv") == ["other.csv"]
    (file,) = places.files("s3://mine/other.csv")
    with places.open(file) as opened:
        assert opened.read() == b"x"


def test_what_is_empty_or_not_there(core: Core, places: Places, allowed: Path) -> None:
    core._lake_objects().buckets.create("mine")
    (allowed / "empty").mkdir()
    for location in (f"{allowed}/empty", f"{allowed}/none.csv", f"{allowed}/*.txt", "s3://mine/x"):
        with pytest.raises(ResourceNotFound, match="there is no file at"):
            places.files(location)


@pytest.mark.parametrize(
    "location",
    [
        "/etc/passwd",
        "{allowed}/../secret.csv",
        "{allowed}/*/../../secret.csv",
        "{allowed}/../*.csv",
        "{allowed}-too.csv",
        "{allowed}/out/secret.csv",
        "{allowed}/out/*",
        "{allowed}/link.csv",
    ],
)
def test_nothing_leads_out_of_a_folder(places: Places, allowed: Path, location: str) -> None:
    (allowed / "out").symlink_to(allowed.parent)
    (allowed / "link.csv").symlink_to(allowed.parent / "secret.csv")
    with pytest.raises((AccessForbidden, ResourceNotFound), match=r"batch_load_folders|no file at"):
        places.files(location.format(allowed=allowed))
    assert "secret.csv" not in names(places, str(allowed))
    assert "link.csv" not in names(places, f"{allowed}/*.csv")


def test_links_inside_are_followed(places: Places, allowed: Path) -> None:
    (allowed / "today").symlink_to(allowed / "deep")
    assert names(places, f"{allowed}/today") == ["c.csv", "d.csv"]


def test_a_step_that_becomes_a_link_is_not_followed(places: Places, allowed: Path) -> None:
    (file,) = places.files(f"{allowed}/deep/c.csv")
    judged = places.open(file)
    (allowed / "deep").rename(allowed.parent / "moved")
    (allowed / "deep").symlink_to(allowed.parent / "moved")
    with pytest.raises(ConflictError, match="is gone"), judged:
        pass


@pytest.mark.parametrize(
    ("location", "setting"),
    [
        ("s3://nowhere/x", "batch_load_s3"),
        ("s3://elsewhere/inside", "batch_load_s3"),
        ("s3://elsewhere/*", "batch_load_s3"),
        ("/tmp", "batch_load_folders"),
    ],
)
def test_what_is_outside_names_the_setting(places: Places, location: str, setting: str) -> None:
    with pytest.raises(AccessForbidden, match=setting):
        places.files(location)


def test_a_file_that_changes_or_goes(places: Places, allowed: Path) -> None:
    (file,) = places.files(f"{allowed}/a.csv")
    (allowed / "a.csv").write_text("other")
    with pytest.raises(ConflictError, match=r"a\.csv has changed"), places.open(file):
        pass
    (file,) = places.files(f"{allowed}/a.csv")
    with pytest.raises(ConflictError, match="has changed"), places.open(file):
        (allowed / "a.csv").write_text("while it is read")
    (allowed / "a.csv").unlink()
    with pytest.raises(ConflictError, match="is gone"), places.open(file):
        pass


def test_a_pipe_is_no_file(places: Places, allowed: Path) -> None:
    os.mkfifo(allowed / "pipe.csv")
    with pytest.raises(ResourceNotFound):
        places.files(f"{allowed}/pipe.csv")


def test_where_failed_rows_may_go(core: Core, places: Places, allowed: Path) -> None:
    core._lake_objects().buckets.create("mine")
    places.check_new_file("s3://mine/failed.csv")
    places.check_new_file(f"{allowed}/new/failed.parquet")
    places.write(f"{allowed}/new/failed.parquet", lambda file: file.write(b"x"))
    assert (allowed / "new" / "failed.parquet").read_bytes() == b"x"
    assert [path.name for path in (allowed / "new").iterdir()] == ["failed.parquet"]
    with pytest.raises(ValidationError, match="is there already"):
        places.check_new_file(f"{allowed}/a.csv")
    with pytest.raises(ValidationError, match="ends in"):
        places.check_new_file(f"{allowed}/a.txt")
    with pytest.raises(AccessForbidden, match="batch_load_folders"):
        places.check_new_file(f"{allowed}/../failed.csv")

import re
from dataclasses import replace

import pytest

from tandem.errors import ValidationError
from tandem.model.event_time import SECONDS_MAX, SECONDS_MIN, EventTime
from tandem.offline.locations import (
    archive_file_name,
    archived_range,
    data_file_name,
    data_uri,
    folder_of_uri,
    hour_folder,
)
from tandem.offline.log_range import LogRange
from tandem.testing.purchases import purchases_group

GROUP = purchases_group()
RANGE = LogRange(partition=0, after=0, last=90)
HOUR = "year=2020/month=06/day=30/hour=06"
LATEST = EventTime(1_593_499_441, 999_999_999)  # 2020-06-30T06:44:01Z


def test_a_uri_is_a_folder_below_the_root(tmp_path):
    folder = folder_of_uri(tmp_path, "s3://bucket/a/b/purchases-1/data")
    assert folder.path == tmp_path / "bucket" / "a" / "b" / "purchases-1"
    assert folder.data_name == "data"
    assert folder.archive == folder.path / "_log"


@pytest.mark.parametrize("uri", ["s3://bucket//a///g-1/data/", "s3://bucket/a/g-1/data"])
def test_empty_parts_of_a_uri_are_no_folders(tmp_path, uri):
    assert folder_of_uri(tmp_path, uri).path == tmp_path / "bucket" / "a" / "g-1"


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "s3://",
        "s3://bucket",
        "s3:///etc/data",
        "/etc/g-1/data",
        "file:///etc/g-1/data",
        "s3://../g-1/data",
        "s3://bucket/../../../etc/data",
        "s3://bucket/./data",
        "s3://bucket/g-1/..",
        "s3://bucket/a\0b/data",
        "s3://bucket/\ud800/data",
        f"s3://bucket/{'ä' * 128}/data",
    ],
)
def test_a_uri_that_is_no_folder_below_the_root_is_refused(tmp_path, uri):
    with pytest.raises(ValidationError, match=re.escape(repr(uri[:80]))):
        folder_of_uri(tmp_path, uri)


def test_a_link_does_not_lead_out_of_the_root(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "bucket").symlink_to(tmp_path)
    with pytest.raises(ValidationError, match="leads out"):
        folder_of_uri(root, "s3://bucket/g-1/data")
    (root / "inside").symlink_to(root)
    assert folder_of_uri(root, "s3://inside/g-1/data").path == root / "inside" / "g-1"


def test_a_group_without_a_resolved_uri_has_no_history():
    assert data_uri(GROUP).endswith("/purchases-1700000000/data")
    with pytest.raises(ValidationError, match="'purchases' has no offline store"):
        data_uri(replace(GROUP, offline=None))
    assert GROUP.offline is not None
    with pytest.raises(ValidationError, match="no offline store"):
        data_uri(replace(GROUP, offline=replace(GROUP.offline, resolved_uri="")))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (SECONDS_MIN, "year=0000/month=01/day=01/hour=00"),
        (SECONDS_MIN + 59 * 86_400 + 3_599, "year=0000/month=02/day=29/hour=00"),
        (-1, "year=1969/month=12/day=31/hour=23"),
        (0, "year=1970/month=01/day=01/hour=00"),
        (1_593_499_441, HOUR),
        (SECONDS_MAX, "year=9999/month=12/day=31/hour=23"),
    ],
)
def test_rows_lie_in_the_hour_of_their_event_time(seconds, expected):
    assert hour_folder(EventTime(seconds, 999_999_999)) == expected


def test_a_file_is_named_as_the_service_names_it():
    name = data_file_name(GROUP.group_id, RANGE, HOUR, LATEST)
    assert re.fullmatch(r"20200630T064401Z_[0-9A-Za-z]{16}\.parquet", name)
    assert data_file_name(GROUP.group_id, RANGE, HOUR, LATEST) == name
    first = data_file_name(GROUP.group_id, RANGE, HOUR, EventTime(SECONDS_MIN, 0))
    assert first.startswith("00000101T000000Z_")


def test_the_name_never_changes_between_versions():
    """A range that a crash cut short may be finished by a newer Tandem: it must find its files."""
    name = data_file_name("purchases-1700000000", LogRange(3, 41, 90), HOUR, LATEST)
    assert name == "20200630T064401Z_uLdaFoXT8RfTF4JQ.parquet"


def test_whatever_differs_changes_the_name():
    suffixes = {
        data_file_name(group_id, LogRange(*positions), hour, LATEST).partition("_")[2]
        for group_id in ("g-1", "g-11")
        for positions in ((0, 0, 90), (1, 0, 90), (0, 1, 90), (0, 0, 91), (0, 11, 90), (1, 1, 90))
        for hour in (HOUR, HOUR.replace("06", "07"))
    }
    assert len(suffixes) == 24


def test_the_name_of_an_archive_file_says_its_range():
    name = archive_file_name(RANGE)
    assert name == "0-00000000000000000001-00000000000000000090.parquet"
    assert archived_range(name) == RANGE
    assert archived_range(f"_{name}.0123abcd.partial") is None
    assert archived_range("notes.txt") is None

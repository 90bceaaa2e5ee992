"""What may be written where a feature group keeps its history."""

import pytest

from tandem.offline.objects.errors import HistoryProtected
from tandem.offline.objects.history import HistoryGuard
from tandem.testing.purchases import purchases_group

LIVE = purchases_group("live")
GONE = purchases_group("gone")


def place(group):
    """The bucket of a group's history, and the key of its folder."""
    bucket, _, rest = group.offline.resolved_uri.removeprefix("s3://").partition("/")
    return bucket, rest.rpartition("/")[0]


@pytest.fixture
def guard():
    live, deleted = (LIVE,), (GONE,)
    return HistoryGuard(lambda: live, lambda: deleted)


@pytest.mark.parametrize(
    "inside",
    [
        "metadata/00009-x.metadata.json",
        "metadata/snap-1.avro",
        "_log/0-1-2.parquet",
        "more/x.parquet",
        "data/year=2024",
    ],
)
def test_only_data_takes_new_files(guard, inside):
    bucket, folder = place(LIVE)
    with pytest.raises(HistoryProtected):
        guard.check(bucket, f"{folder}/{inside}", exists=False)


def test_new_files_of_data_are_allowed(guard):
    bucket, folder = place(LIVE)
    guard.check(bucket, f"{folder}/data/year=2024/part-1.parquet", exists=False)
    guard.check(bucket, f"{folder}/data/_temporary/0/part-1.parquet", exists=True)
    with pytest.raises(HistoryProtected, match="none is replaced"):
        guard.check(bucket, f"{folder}/data/year=2024/part-1.parquet", exists=True)


@pytest.mark.parametrize("group", [LIVE, GONE], ids=["live", "deleted"])
def test_no_object_stands_where_delivery_needs_a_folder(guard, group):
    bucket, folder = place(group)
    while folder:
        with pytest.raises(HistoryProtected, match="on the way"):
            guard.check(bucket, folder, exists=False)
        folder = folder.rpartition("/")[0]


def test_files_of_a_deleted_group_are_nobodys(guard):
    bucket, folder = place(GONE)
    guard.check(bucket, f"{folder}/data/year=2024/a.parquet", exists=True)

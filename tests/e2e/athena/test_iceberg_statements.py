"""Statements on the history of a group in Iceberg format."""

import time

import pytest

from e2e.athena.session import AthenaSession

pytest.importorskip("pyiceberg", reason="Iceberg tables need the extra `iceberg`")
GROUP = "orders"


def create(athena: AthenaSession, name: str) -> None:
    athena.server.client("sagemaker").create_feature_group(
        FeatureGroupName=name,
        RecordIdentifierFeatureName="id",
        EventTimeFeatureName="event_time",
        FeatureDefinitions=[
            {"FeatureName": "id", "FeatureType": "String"},
            {"FeatureName": "event_time", "FeatureType": "String"},
            {"FeatureName": "total", "FeatureType": "Integral"},
        ],
        OnlineStoreConfig={"EnableOnlineStore": True},
        OfflineStoreConfig={
            "S3StorageConfig": {"S3Uri": "s3://features/store"},
            "TableFormat": "Iceberg",
        },
        RoleArn="arn:aws:iam::000000000000:role/tandem",
    )


def put(athena: AthenaSession, name: str, identifier: str, total: int) -> None:
    values = {"id": identifier, "event_time": "2024-05-01T12:00:00Z", "total": str(total)}
    athena.server.client("sagemaker-featurestore-runtime").put_record(
        FeatureGroupName=name,
        Record=[{"FeatureName": key, "ValueAsString": value} for key, value in values.items()],
    )


def delivered(athena: AthenaSession, name: str, snapshots: int) -> list[str]:
    """The table's snapshots, once there are so many."""
    deadline = time.monotonic() + 60
    while True:
        execution = athena.wait(
            athena.start(f'SELECT snapshot_id FROM "{name}$snapshots" ORDER BY committed_at')
        )
        found = athena.text(execution).split()[1:] if "csv" in str(execution) else []
        if len(found) >= snapshots:
            return [one.strip('"') for one in found]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_rows_are_deleted_and_older_versions_are_read(athena: AthenaSession) -> None:
    create(athena, GROUP)
    put(athena, GROUP, "o1", 1)
    (first,) = delivered(athena, GROUP, 1)
    put(athena, GROUP, "o2", 2)
    put(athena, GROUP, "o3", 3)
    assert athena.rows(f"SELECT count(*) FROM {GROUP}") == [["3"]]
    deleted = athena.run(f"DELETE FROM {GROUP} WHERE total > (SELECT min(total) FROM {GROUP}) + 1")
    assert deleted["SubstatementType"] == "DELETE"
    assert athena.rows(f"SELECT id FROM {GROUP} ORDER BY id") == [["o1"], ["o2"]]
    assert athena.rows(f"SELECT id FROM {GROUP} FOR VERSION AS OF {first}") == [["o1"]]
    later = athena.rows(
        f"SELECT count(*) FROM {GROUP} FOR TIMESTAMP AS OF (current_timestamp + INTERVAL '1' DAY)"
    )
    assert later == [["2"]]
    early = f"SELECT * FROM {GROUP} FOR TIMESTAMP AS OF TIMESTAMP '2001-01-01 00:00:00 UTC'"
    assert athena.failure(early)


def test_files_are_compacted_and_old_ones_go(athena: AthenaSession) -> None:
    create(athena, "upkeep")
    for number in range(3):
        put(athena, "upkeep", f"o{number}", number)
        delivered(athena, "upkeep", number + 1)
    assert len(athena.rows('SELECT file_path FROM "upkeep$files"')) == 3
    athena.run(
        "ALTER TABLE upkeep SET TBLPROPERTIES ('optimize_rewrite_data_file_threshold' = '2')"
    )
    athena.run("OPTIMIZE upkeep REWRITE DATA USING BIN_PACK WHERE total >= 0")
    assert len(athena.rows('SELECT file_path FROM "upkeep$files"')) == 1
    assert athena.rows("SELECT id FROM upkeep ORDER BY id") == [["o0"], ["o1"], ["o2"]]
    athena.run("ALTER TABLE upkeep SET TBLPROPERTIES ('vacuum_max_snapshot_age_seconds' = '1')")
    assert "vacuum_max_snapshot_age_seconds\t1" in athena.lines("SHOW TBLPROPERTIES upkeep")
    time.sleep(1.1)
    athena.run("VACUUM upkeep")
    assert len(athena.rows('SELECT * FROM "upkeep$snapshots"')) == 1
    assert athena.rows("SELECT count(*) FROM upkeep") == [["3"]]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM \"user-features\" WHERE id = 'u0'",
        'OPTIMIZE "user-features" REWRITE DATA USING BIN_PACK',
        'VACUUM "user-features"',
        'SELECT * FROM "user-features" FOR VERSION AS OF 1',
    ],
)
def test_other_histories_have_no_versions(athena: AthenaSession, statement: str) -> None:
    assert "TableFormat" in athena.failure(statement)


def test_what_no_history_is_cannot_be_changed(athena: AthenaSession) -> None:
    athena.run("CREATE OR REPLACE VIEW plain AS SELECT 1 AS a")
    assert "no Iceberg table" in athena.failure("DELETE FROM plain WHERE a = 1")
    assert "TABLE_NOT_FOUND" in athena.failure("VACUUM nothing_there")

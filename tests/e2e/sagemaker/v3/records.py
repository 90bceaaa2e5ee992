"""Records one by one, in batches, partly; rows of a frame by threads and processes."""

import time

import numpy as np
import pandas as pd
import patience  # noqa: F401
from botocore.exceptions import ClientError
from refusal import refused
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.shapes import BatchGetRecordIdentifier, BatchWriteRecordEntry
from sagemaker.mlops.feature_store import (
    FeatureGroup,
    FeatureValue,
    IngestionError,
    IntegralFeatureDefinition,
    ListCollectionType,
    OfflineStoreConfig,
    OnlineStoreConfig,
    S3StorageConfig,
    StringFeatureDefinition,
    TtlDuration,
    ingest_dataframe,
    list_records,
    load_feature_definitions_from_dataframe,
    update_record,
)

session = Session()
role = get_execution_role()
OFFLINE = OfflineStoreConfig(
    s3_storage_config=S3StorageConfig(s3_uri=f"s3://{session.default_bucket()}/features")
)
frame = pd.DataFrame(
    {
        "id": [f"r-{number}" for number in range(60)],
        "time": [1.7e9 + number for number in range(60)],
        "whole": np.arange(60),
        "name": [f"name {number}" if number % 3 else None for number in range(60)],
    }
)


def create(name, definitions=None, storage_type="Standard_V2", offline=OFFLINE):
    options = {} if offline is None else {"offline_store_config": offline}
    group = FeatureGroup.create(
        feature_group_name=f"records-v3-{name}",
        record_identifier_feature_name="id",
        event_time_feature_name="time",
        feature_definitions=definitions or load_feature_definitions_from_dataframe(frame),
        role_arn=role,
        online_store_config=OnlineStoreConfig(enable_online_store=True, storage_type=storage_type),
        **options,
    )
    group.wait_for_status("Created")
    return group


def record(**given):
    return [FeatureValue(feature_name=name, value_as_string=text) for name, text in given.items()]


def values(answer):
    return {one.feature_name: one.value_as_string for one in answer.record}


one = create("one")
name = one.feature_group_name
one.put_record(record=record(id="a", time="1700000000", whole="1", name="x"))
one.put_record(record=record(id="b", time="1700000000"), target_stores=["OnlineStore"])
assert values(one.get_record(record_identifier_value_as_string="a"))["name"] == "x"
found = one.batch_get_record(
    identifiers=[
        BatchGetRecordIdentifier(
            feature_group_name=name,
            record_identifiers_value_as_string=["a", "b", "nobody"],
            feature_names=["id"],
        )
    ]
)
assert {one.record_identifier_value_as_string for one in found.records} == {"a", "b"}
page = list_records(name, max_results=1)
assert len(page.record_identifiers) == 1
rest = list_records(name, max_results=1, next_token=page.next_token)
assert {*page.record_identifiers, *rest.record_identifiers} == {"a", "b"}

update_record(name, "a", [{"feature_name": "whole", "value_as_string": "2"}])
assert values(one.get_record(record_identifier_value_as_string="a")) == {
    "id": "a", "time": "1700000000", "whole": "2", "name": "x"
}  # fmt: skip
now = str(time.time())
update_record(
    name,
    "a",
    record(time=now, name="y"),
    target_stores=["OnlineStore", "OfflineStore"],
    ttl_duration=TtlDuration(unit="Hours", value=1),
)
answer = one.get_record(record_identifier_value_as_string="a", expiration_time_response="Enabled")
assert values(answer) == {"id": "a", "time": now, "whole": "2", "name": "y"}
assert answer.expires_at is not None
with refused(ClientError, "ConflictException"):
    update_record(name, "a", record(time="1600000000", name="z"))
with refused(ClientError, "ResourceNotFound"):
    update_record(name, "nobody", record(name="z"))
with refused(ClientError, "Validation"):
    update_record(name, "a", record(id="b"))
with refused(ValueError, "Duplicate"):
    update_record(name, "a", record(name="z") * 2)

one.delete_record(record_identifier_value_as_string="b", event_time="1700000001")
assert list_records(name).record_identifiers == ["a"]
listed = list_records(name, include_soft_deleted_records=True).record_identifiers
assert sorted(listed) == ["a", "b"]
one.delete_record(
    record_identifier_value_as_string="b", event_time="1700000002", deletion_mode="HardDelete"
)
assert list_records(name, include_soft_deleted_records=True).record_identifiers == ["a"]

written = one.batch_write_record(
    entries=[
        BatchWriteRecordEntry(feature_group_name=name, record=record(id="c", time="1700000000")),
        BatchWriteRecordEntry(feature_group_name=name, record=record(id="d", time="yesterday")),
        BatchWriteRecordEntry(feature_group_name="nowhere", record=record(id="e", time="1")),
    ],
    ttl_duration=TtlDuration(unit="Days", value=9_000),
)
assert [one.entry.record[0].value_as_string for one in written.errors] == ["d", "e"]
assert written.unprocessed_entries == []
assert values(one.get_record(record_identifier_value_as_string="c"))["id"] == "c"


def check_ingested(group):
    for number in (0, 1, 30, 59):
        answer = group.get_record(record_identifier_value_as_string=f"r-{number}")
        found = values(answer)
        assert found["whole"] == str(number)
        assert found.get("name") == (f"name {number}" if number % 3 else None)


for in_batches in (False, True):
    for workers, processes in ((1, 1), (4, 1), (2, 2)):
        group = create(f"{in_batches}-{workers}-{processes}")
        manager = ingest_dataframe(
            group.feature_group_name,
            frame,
            max_workers=workers,
            max_processes=processes,
            use_batch_write_record=in_batches,
        )
        assert manager.failed_rows == []
        check_ingested(group)
    wrong = frame.assign(whole=frame["whole"].astype("object"))
    wrong.loc[[7, 41], "whole"] = "many"
    wrong.loc[[12], "id"] = None
    for workers, processes in ((1, 1), (2, 2)):
        group = create(f"wrong-{in_batches}-{workers}-{processes}")
        with refused(IngestionError) as errors:
            ingest_dataframe(
                group.feature_group_name,
                wrong,
                max_workers=workers,
                max_processes=processes,
                use_batch_write_record=in_batches,
            )
        assert sorted(errors[0].failed_rows) == [7, 12, 41]
        check_ingested(group)
with refused(ClientError, "ResourceNotFound"):
    ingest_dataframe("records-v3-nowhere", frame, use_batch_write_record=True)

memory = create(
    "memory",
    [
        StringFeatureDefinition("id"),
        StringFeatureDefinition("time"),
        IntegralFeatureDefinition("list", ListCollectionType()),
    ],
    storage_type="InMemory",
    offline=None,
)
lists = pd.DataFrame({"id": ["a", "b"], "time": ["2024-05-01T00:00:00Z"] * 2, "list": [[1, 2], []]})
for in_batches in (False, True):
    # The SDK sends a feature without any value for an empty list; of a batch, it does not know its
    # entry again, and counts every row of it.
    with refused(IngestionError) as errors:
        ingest_dataframe(memory.feature_group_name, lists, use_batch_write_record=in_batches)
    assert errors[0].failed_rows == ([0, 1] if in_batches else [1])
    kept = memory.get_record(record_identifier_value_as_string="a").record[2]
    assert kept.value_as_string_list == ["1", "2"]

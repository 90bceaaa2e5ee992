"""Records: written, read, deleted one by one, and rows of a frame by threads and processes."""

import time

import numpy as np
import pandas as pd
import patience  # noqa: F401
import sagemaker
from botocore.exceptions import ClientError
from refusal import refused
from sagemaker.feature_store.feature_definition import (
    IntegralFeatureDefinition,
    ListCollectionType,
    StringFeatureDefinition,
)
from sagemaker.feature_store.feature_group import FeatureGroup, IngestionError
from sagemaker.feature_store.feature_store import FeatureStore
from sagemaker.feature_store.inputs import (
    DeletionModeEnum,
    ExpirationTimeResponseEnum,
    FeatureValue,
    Identifier,
    OnlineStoreStorageTypeEnum,
    TargetStoreEnum,
    TtlDuration,
)

session = sagemaker.Session()
role = sagemaker.get_execution_role()
store = FeatureStore(sagemaker_session=session)
frame = pd.DataFrame(
    {
        "id": [f"r-{number}" for number in range(60)],
        "time": [f"2024-05-01T00:00:{number % 60:02}Z" for number in range(60)],
        "whole": np.arange(60),
        "real": [number + 0.25 if number % 3 else np.nan for number in range(60)],
    }
)


def create(name, definitions=frame, **options):
    made = FeatureGroup(name=f"records-{name}", sagemaker_session=session)
    made.load_feature_definitions(data_frame=definitions)
    made.create(
        s3_uri=f"s3://{session.default_bucket()}/features",
        record_identifier_name="id",
        event_time_feature_name="time",
        role_arn=role,
        enable_online_store=True,
        **options,
    )
    return made


def values(record):
    return {one["FeatureName"]: one["ValueAsString"] for one in record}


def record(**given):
    return [FeatureValue(name, value) for name, value in given.items()]


one = create("one")
one.put_record(record(id="a", time="2024-05-01T00:00:00Z", whole="1", real="89.50"))
assert values(one.get_record("a"))["real"] == "89.50"
assert values(one.get_record("a", feature_names=["whole"])) == {"whole": "1"}
assert one.get_record("nobody") is None
one.put_record(record(id="a", time="2024-04-30T00:00:00Z", whole="0"))  # late
assert values(one.get_record("a"))["whole"] == "1"
later = record(id="a", time="2024-05-02T00:00:00Z", whole="2")
one.put_record(later, target_stores=[TargetStoreEnum.OFFLINE_STORE])
assert values(one.get_record("a"))["whole"] == "1"
one.put_record(later, target_stores=[TargetStoreEnum.ONLINE_STORE, TargetStoreEnum.OFFLINE_STORE])
assert values(one.get_record("a")) == {"id": "a", "time": "2024-05-02T00:00:00Z", "whole": "2"}
with refused(ClientError, "Validation", "whole"):
    one.put_record(record(id="a", time="2024-05-03T00:00:00Z", whole="many"))
now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
one.put_record(record(id="b", time=now, whole="3"), ttl_duration=TtlDuration("Hours", 1))
answer = store.batch_get_record(
    [Identifier("records-one", ["a", "b", "nobody"], ["whole"])],
    expiration_time_response=ExpirationTimeResponseEnum.ENABLED.value,
)
assert {one["RecordIdentifierValueAsString"] for one in answer["Records"]} == {"a", "b"}
expiry = {one["RecordIdentifierValueAsString"]: one.get("ExpiresAt") for one in answer["Records"]}
assert expiry["b"] is not None
assert answer["Errors"] == answer["UnprocessedIdentifiers"] == []
one.delete_record("a", "2024-05-04T00:00:00Z")
assert one.get_record("a") is None
one.delete_record("b", "2124-05-04T00:00:00Z", deletion_mode=DeletionModeEnum.HARD_DELETE)
assert one.get_record("b") is None


def check_ingested(made):
    for number in (0, 1, 30, 59):
        found = values(made.get_record(f"r-{number}"))
        assert found["whole"] == str(number)
        assert found.get("real") == (f"{number}.25" if number % 3 else None)


for workers, processes in ((1, 1), (4, 1), (1, 2), (3, 2)):
    made = create(f"{workers}-{processes}")
    manager = made.ingest(frame, max_workers=workers, max_processes=processes, wait=True)
    assert manager.failed_rows == []
    check_ingested(made)
made = create("waiting")
manager = made.ingest(
    frame, target_stores=[TargetStoreEnum.ONLINE_STORE], max_workers=2, wait=False
)
manager.wait(timeout=60)
check_ingested(made)

wrong = frame.assign(whole=frame["whole"].astype("object"))
wrong.loc[[7, 41], "whole"] = "many"
for workers, processes in ((1, 1), (3, 2)):
    made = create(f"wrong-{workers}-{processes}")
    with refused(IngestionError) as errors:
        made.ingest(wrong, max_workers=workers, max_processes=processes)
    assert sorted(errors[0].failed_rows) == [7, 41]
    check_ingested(made)

memory = FeatureGroup(
    name="records-memory",
    sagemaker_session=session,
    feature_definitions=[
        StringFeatureDefinition("id"),
        StringFeatureDefinition("time"),
        IntegralFeatureDefinition("list", ListCollectionType()),
    ],
)
memory.create(
    s3_uri=False,
    record_identifier_name="id",
    event_time_feature_name="time",
    role_arn=role,
    enable_online_store=True,
    online_store_storage_type=OnlineStoreStorageTypeEnum.IN_MEMORY,
)
lists = pd.DataFrame({"id": ["a", "b"], "time": ["2024-05-01T00:00:00Z"] * 2, "list": [[1, 2], []]})
memory.ingest(lists, max_workers=1)
assert memory.get_record("a")[2] == {"FeatureName": "list", "ValueAsStringList": ["1", "2"]}
assert [one["FeatureName"] for one in memory.get_record("b")] == ["id", "time"]

"""Athena's SQL over a feature group's history, right after the writes."""

import numpy as np
import pandas as pd
import patience  # noqa: F401
import sagemaker
from refusal import refused
from sagemaker.feature_store.feature_group import FeatureGroup
from sagemaker.feature_store.feature_utils import (
    get_feature_group_as_dataframe,
    prepare_fg_from_dataframe_or_file,
)
from sagemaker.feature_store.inputs import FeatureValue

session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
output = f"s3://{bucket}/query-results/"
frame = pd.DataFrame(
    {
        "Id": pd.Series(np.arange(10.0), dtype="float64"),
        "Count": pd.Series(np.arange(10), dtype="int64"),
        "Time": pd.Series(["2020-10-30T03:43:21Z"] * 10, dtype="string"),
        "Score": pd.Series(np.arange(5.0), dtype="float64"),
    }
)
group = FeatureGroup(name="queries-numbers", sagemaker_session=session)
group.load_feature_definitions(data_frame=frame)
group.create(
    s3_uri=f"s3://{bucket}/features",
    record_identifier_name="Id",
    event_time_feature_name="Time",
    role_arn=role,
    enable_online_store=True,
)
group.put_record(
    [
        FeatureValue("Id", "10.0"),
        FeatureValue("Count", "10"),
        FeatureValue("Time", "2020-10-30T03:43:21Z"),
    ]
)
group.ingest(frame, max_workers=3, wait=True)

query = group.athena_query()
assert (query.catalog, query.database) == ("AwsDataCatalog", "sagemaker_featurestore")


def ask(statement, **options):
    query.run(statement, output_location=output, **options)
    query.wait()
    execution = query.get_query_execution()["QueryExecution"]
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    assert execution["Query"] == statement
    assert execution["StatementType"] == "DML"
    assert execution["Statistics"]["DataScannedInBytes"] >= 0
    return query.as_dataframe()


everything = ask(f'SELECT * FROM "{query.table_name}"')
assert list(everything) == [
    "id", "count", "time", "score", "write_time", "api_invocation_time", "is_deleted"
]  # fmt: skip
assert len(everything) == 11
assert everything["score"].isna().sum() == 6
assert everything["is_deleted"].tolist() == [False] * 11
assert sorted(everything["id"]) == list(map(float, range(11)))
named = ask(
    f'SELECT Id, "Count" AS "How.Many" FROM "{query.table_name}" WHERE Score >= 3 ORDER BY 1;'
)
assert named["How.Many"].tolist() == [3, 4]
assert ask(f'SELECT count(*) AS n FROM "sagemaker_featurestore"."{group.name}"')["n"].tolist() == [
    11
]
assert query.as_dataframe(dtype={"n": str})["n"].tolist() == ["11"]
assert ask("SELECT 1 AS one", workgroup="primary", kms_key="alias/key")["one"].tolist() == [1]

group.put_record([FeatureValue("Id", "1.0"), FeatureValue("Time", "2021-01-01T00:00:00Z")])
assert len(ask(f'SELECT Id FROM "{query.table_name}"')) == 12  # at once

query.run("SELECT nothing FROM nowhere", output_location=output)
query.wait()
status = query.get_query_execution()["QueryExecution"]["Status"]
assert status["State"] == "FAILED"
assert "nowhere" in status["StateChangeReason"]
with refused(RuntimeError, "Failed to execute query"):
    query.as_dataframe()

ddl = group.as_hive_ddl()
location = group.describe()["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]
assert ddl.startswith(
    "CREATE EXTERNAL TABLE IF NOT EXISTS sagemaker_featurestore.queries-numbers ("
)
assert ddl.endswith(f"LOCATION '{location}'")

whole = get_feature_group_as_dataframe(
    group.name, output, session=session, latest_ingestion=False, verbose=False
)
assert len(whole) == 12
latest = get_feature_group_as_dataframe(
    group.name,
    output,
    session=session,
    event_time_feature_name="Time",
    latest_ingestion=True,
    verbose=False,
)
assert latest["id"].tolist() == [1.0]
by_role = get_feature_group_as_dataframe(
    group.name, output, region="us-east-1", role=role, latest_ingestion=False, verbose=False
)
assert len(by_role) == 12

sheet = pd.DataFrame({"Customer": ["a", "b"], "Spent": [1.5, 2.5]})
prepared = prepare_fg_from_dataframe_or_file(
    sheet,
    "queries-prepared",
    session=session,
    record_id="record_id",
    event_id="data_as_of_date",
    verbose=False,
)
assert isinstance(prepared, FeatureGroup)

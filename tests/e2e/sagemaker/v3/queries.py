"""Athena's SQL over a feature group's history, right after the writes."""

import pandas as pd
import patience  # noqa: F401
from refusal import refused
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.mlops.feature_store import (
    FeatureGroup,
    OfflineStoreConfig,
    S3StorageConfig,
    as_hive_ddl,
    create_athena_query,
    ingest_dataframe,
    load_feature_definitions_from_dataframe,
)

session = Session()
bucket = session.default_bucket()
frame = pd.DataFrame(
    {
        "record_id": [f"id-{number}" for number in range(10)],
        "feature_1": [number * 1.5 for number in range(10)],
        "feature_2": [number * 2 for number in range(10)],
        "event_time": [1.7e9 + number for number in range(10)],
    }
)
group = FeatureGroup.create(
    feature_group_name="queries-v3",
    record_identifier_feature_name="record_id",
    event_time_feature_name="event_time",
    feature_definitions=load_feature_definitions_from_dataframe(frame),
    role_arn=get_execution_role(),
    offline_store_config=OfflineStoreConfig(
        s3_storage_config=S3StorageConfig(s3_uri=f"s3://{bucket}/features")
    ),
)
group.wait_for_status("Created")
ingest_dataframe(group.feature_group_name, frame)
query = create_athena_query(group.feature_group_name, session)


def ask(statement):
    query.run(statement, f"s3://{bucket}/athena-results/")
    query.wait()
    return query.as_dataframe()


found = ask(f'SELECT * FROM "{query.database}"."{query.table_name}" LIMIT 10')
added = ["write_time", "api_invocation_time", "is_deleted"]
assert list(found) == [*frame, *added]
pd.testing.assert_frame_equal(
    found.drop(columns=added).sort_values("record_id", ignore_index=True), frame
)
found = ask(
    f"SELECT COUNT(*) AS count, AVG(feature_1) AS average FROM {query.database}.{query.table_name}"
    " WHERE feature_2 > 5"
)
assert found.to_dict("records") == [{"count": 7, "average": 9.0}]
query.run("SELECT nothing FROM nowhere", f"s3://{bucket}/athena-results/")
query.wait()
with refused(RuntimeError):
    query.as_dataframe()
location = group.offline_store_config.s3_storage_config.resolved_output_s3_uri
assert as_hive_ddl(group.feature_group_name).endswith(f"LOCATION '{location}'")

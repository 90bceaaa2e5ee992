"""The article on the architecture: its calls, one by one, since the text lost its indentation."""

import sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import boto3
import pandas as pd
import patience
import sagemaker
from botocore.exceptions import ClientError
from code_in_text import statements
from refusal import refused
from sagemaker.feature_store.feature_group import FeatureGroup

text = Path(sys.argv[1]).read_text()
session = sagemaker.Session()
role = sagemaker.get_execution_role()
for bucket in ("my-ml-bucket", "athena-results", "backups", "source", "copy"):
    boto3.client("s3").create_bucket(Bucket=bucket)
frame = pd.DataFrame({"customer_id": ["c1"], "event_timestamp": [1.7e9], "churned": [1]})
space = {
    "boto3": boto3,
    "datetime": datetime,
    "FeatureGroup": FeatureGroup,
    "sagemaker_session": session,
    "role": role,
    "df": frame,
    "bucket": "my-ml-bucket",
}


def run(beginning, count=1, **names):
    found = statements(text, beginning)
    assert len(found) == count, (beginning, len(found))
    space.update(names)
    for code in found:
        exec(code, space)


def create(name, **features):
    group = FeatureGroup(name=name, sagemaker_session=session)
    group.load_feature_definitions(pd.DataFrame({n: [value] for n, value in features.items()}))
    record, time = list(features)[:2]
    group.create("s3://my-ml-bucket/features", record, time, role, enable_online_store=True)
    group.ingest(pd.DataFrame({n: [value] for n, value in features.items()}), wait=True)
    return group


run("feature_group = FeatureGroup(")
run("feature_group.load_feature_definitions(")
with refused(TypeError, "'online_store_config'"):
    run("feature_group.create(", 2)  # it is `ttl_duration` there
users = {"user_id": "user_123", "event_time": "2024-05-01T00:00:00Z"}
space["feature_group"] = create(
    "user_features", **users, avg_transaction_amt=5.5, account_age_days=3
)
create("user-features", **users, avg_transaction_amt=5.5)
create("item-features", item_id="item_A", event_time=1.7e9)
create("merchant-features", merchant_id="m1", event_time=1.7e9)
create("hot-features", user_id="user_123", event_time=1.7e9)
create(
    "user-realtime-features", user_id="u", event_time=1.7e9, clicks_last_5min=1, last_ad_clicked="a"
)

record = [{"FeatureName": name, "ValueAsString": value} for name, value in users.items()]
names = {
    "feature_group_name": "user-features",
    "record": record,
    "target_feature_group": "user-features",
}
names |= {"feature_record": [*record[:1], {"FeatureName": "event_time", "ValueAsString": "1.7e9"}]}
run("sm_runtime = boto3.client(", 2)
run("sm_runtime.put_record(", 3, **names)
batches = {"user_ids": ["user_123"], "merchant_ids": ["m1"]}
run("response = sm_runtime.batch_get_record(", 2, **batches)
assert len(space["response"]["Records"]) == 2
run("user_features = sm_runtime.get_record(", user_id="user_123")
run("merchant_features = sm_runtime.get_record(", merchant_id="m1")
run("features = sm_runtime.get_record(", feature_group="user-features", entity_id="user_123")
run("hot_data = sm_runtime.get_record(")
assert space["hot_data"]["Record"][0]["ValueAsString"] == "user_123"
space["self"] = SimpleNamespace(sm_runtime=space["sm_runtime"])
run("self.sm_runtime.put_record(")
run("response = self.sm_runtime.get_record(")
run("response = sm_runtime.get_record(", feature_group_name="user-features")

space["feature_group"] = FeatureGroup(name="user_features", sagemaker_session=session)
run("feature_group_query = ")
run("feature_group_table = ")
run("query_string = ")
query = space["feature_group_query"]


def ask(statement):
    query.run(statement, "s3://athena-results/queries/")
    query.wait()
    status = query.get_query_execution()["QueryExecution"]["Status"]
    assert status["State"] == "SUCCEEDED", status


ask("CREATE DATABASE app_db")
ask(
    "CREATE TABLE app_db.transactions AS SELECT 't1' AS transaction_id, 1 AS is_fraud,"
    " '2024-06-01T00:00:00Z' AS event_time, 'user_123' AS user_id"
)
ask(space["query_string"])
assert query.as_dataframe()["avg_transaction_amt"].tolist() == [5.5]

run("s3 = boto3.client('s3')")
run("replication_config = {", dest_bucket="copy")
run("s3.put_bucket_replication(", source_bucket="source")
kept = space["s3"].get_bucket_replication(Bucket="source")["ReplicationConfiguration"]
assert kept["Rules"][0]["Destination"]["Bucket"] == "arn:aws:s3:::copy"

# No date fits both places of the statement: a table's name without quotes, and a TIMESTAMP.
ask("CREATE DATABASE feature_snapshots")
run("athena = boto3.client('athena')")
run('query = f"""', feature_group_name="user_features", snapshot_date="2024-05-02")
with refused(ClientError, "InvalidRequestException"):
    run("response = athena.start_query_execution(")
space["query"] = space["query"].replace("user_features_2024-05-02", "user_features_20240502")
run("response = athena.start_query_execution(")
execution = {"QueryExecutionId": space["response"]["QueryExecutionId"]}
for _ in range(600):
    status = space["athena"].get_query_execution(**execution)["QueryExecution"]["Status"]
    if status["State"] not in ("QUEUED", "RUNNING"):
        break
    patience.pause()
assert status["State"] == "SUCCEEDED", status

# What is no feature store's is not answered.
run("cloudwatch = boto3.client(")
for beginning in ("cloudwatch.put_metric_data(", "cloudwatch.put_metric_alarm("):
    for code in statements(text, beginning):
        space |= {"lag_seconds": 1.0, "completeness": 1.0, "consistency_rate": 1.0}
        with refused(ClientError):
            exec(code, space)

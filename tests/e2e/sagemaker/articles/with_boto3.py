"""The article that makes groups with Terraform and uses them with boto3."""

import sys
from pathlib import Path

import boto3
import patience
from code_in_text import statements

text = Path(sys.argv[1]).read_text()
boto3.client("s3").create_bucket(Bucket="my-bucket")
names = ["total_purchases", "days_since_last_purchase", "account_age_days", "is_premium"]
types = {"customer_id": "String", "event_time": "Fractional", "avg_order_value": "Fractional"}
types |= dict.fromkeys(names, "Integral")
boto3.client("sagemaker").create_feature_group(
    FeatureGroupName="prod-customer-features",
    RecordIdentifierFeatureName="customer_id",
    EventTimeFeatureName="event_time",
    FeatureDefinitions=[{"FeatureName": n, "FeatureType": t} for n, t in types.items()],
    OnlineStoreConfig={"EnableOnlineStore": True},
    OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://my-bucket/features"}},
    RoleArn="arn:aws:iam::000000000000:role/tandem",
)

space = {}
for beginning in (
    "import boto3",
    "import time",
    "featurestore_runtime = ",
    "featurestore_runtime.put_record(",
    "response = featurestore_runtime.get_record(",
    "features = {",
    "print(features)",
    "athena = ",
    "query = ",
    "response = athena.start_query_execution(",
):
    exec(statements(text, beginning)[0], space)
assert space["features"]["avg_order_value"] == "89.50"
execution = {"QueryExecutionId": space["response"]["QueryExecutionId"]}
for _ in range(600):
    status = space["athena"].get_query_execution(**execution)["QueryExecution"]["Status"]
    if status["State"] not in ("QUEUED", "RUNNING"):
        break
    patience.pause()
assert status["State"] == "SUCCEEDED", status

"""Statements run on a server as boto3's users run them: start, poll, read the result from S3."""

import csv
import io
import time
from dataclasses import dataclass, field
from typing import Any

from e2e.server_process import ServerProcess

BUCKET = "athena-results"
OUTPUT = f"s3://{BUCKET}/results/"
WAIT_SECONDS_MAX = 60
NOON = 1_700_000_000.5


@dataclass
class AthenaSession:
    server: ServerProcess
    database: str = "sagemaker_featurestore"
    athena: Any = field(init=False)
    s3: Any = field(init=False)

    def __post_init__(self) -> None:
        self.athena = self.server.client("athena")
        self.s3 = self.server.client("s3")
        self.s3.create_bucket(Bucket=BUCKET)

    def start(self, statement: str, **more: Any) -> str:
        asked = {
            "QueryExecutionContext": {"Database": self.database},
            "ResultConfiguration": {"OutputLocation": OUTPUT},
            **more,
        }
        started = self.athena.start_query_execution(QueryString=statement, **asked)
        execution_id: str = started["QueryExecutionId"]
        return execution_id

    def execution(self, execution_id: str) -> dict[str, Any]:
        found = self.athena.get_query_execution(QueryExecutionId=execution_id)
        execution: dict[str, Any] = found["QueryExecution"]
        return execution

    def wait(self, execution_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while True:
            execution = self.execution(execution_id)
            if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
                return execution
            assert time.monotonic() < deadline, execution
            time.sleep(0.01)

    def run(self, statement: str, **more: Any) -> dict[str, Any]:
        """The execution, which succeeded."""
        execution = self.wait(self.start(statement, **more))
        assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
        return execution

    def failure(self, statement: str, **more: Any) -> str:
        """Why an execution failed."""
        execution = self.wait(self.start(statement, **more))
        assert execution["Status"]["State"] == "FAILED", execution["Status"]
        reason: str = execution["Status"]["StateChangeReason"]
        assert execution["Status"]["AthenaError"]["ErrorMessage"] == reason
        return reason

    def text(self, execution: dict[str, Any]) -> str:
        """The file that an execution's result is in."""
        location = execution["ResultConfiguration"]["OutputLocation"]
        bucket, _, key = location.removeprefix("s3://").partition("/")
        content: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content.decode()

    def rows(self, statement: str, **more: Any) -> list[list[str]]:
        """The rows of a query, without the header; a null is an empty text."""
        text = self.text(self.run(statement, **more))
        return list(csv.reader(io.StringIO(text)))[1:]

    def lines(self, statement: str) -> list[str]:
        """The lines of a text result."""
        return self.text(self.run(statement)).splitlines()

    def keys(self, prefix: str) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [one["Key"] for one in found.get("Contents", [])]

    def create_group(self, name: str, **features: str) -> None:
        definitions = {"id": "String", "event_time": "Fractional", **features}
        self.server.client("sagemaker").create_feature_group(
            FeatureGroupName=name,
            RecordIdentifierFeatureName="id",
            EventTimeFeatureName="event_time",
            FeatureDefinitions=[
                {"FeatureName": feature, "FeatureType": kind}
                for feature, kind in definitions.items()
            ],
            OnlineStoreConfig={"EnableOnlineStore": True},
            OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://features/store"}},
            RoleArn="arn:aws:iam::000000000000:role/tandem",
        )

    def put(self, group: str, identifier: str, event_time: float = NOON, **values: Any) -> None:
        values = {"id": identifier, "event_time": event_time, **values}
        self.server.client("sagemaker-featurestore-runtime").put_record(
            FeatureGroupName=group,
            Record=[
                {"FeatureName": name, "ValueAsString": str(value)} for name, value in values.items()
            ],
        )

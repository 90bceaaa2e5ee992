"""Clients that cannot live in Tandem's own environment, each a script that runs in theirs.

`make clients` makes that environment. Without it these tests are skipped and say so.
"""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from e2e.server_process import ServerProcess

PYTHON = Path(__file__).parents[3] / ".venv-clients" / "bin" / "python"
pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="the clients' environment is not there: run make clients"
)


def run(server: ServerProcess, script: str, *arguments: object) -> None:
    environment = os.environ | {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
    }
    environment.pop("PYTHONPATH", None)
    ran = subprocess.run(
        [PYTHON, Path(__file__).with_name(script), *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_pandas_and_s3fs(server: ServerProcess) -> None:
    run(server, "s3_with_pandas.py")


@pytest.mark.parametrize("script", ["athena_with_pyathena.py", "athena_with_awswrangler.py"])
def test_queries(server: ServerProcess, script: str) -> None:
    server.client("s3").create_bucket(Bucket="queries")
    run(server, script)


def test_duckdb_reads_a_groups_files(server: ServerProcess) -> None:
    server.client("sagemaker").create_feature_group(
        FeatureGroupName="scanned",
        RecordIdentifierFeatureName="id",
        EventTimeFeatureName="t",
        FeatureDefinitions=[
            {"FeatureName": "id", "FeatureType": "String"},
            {"FeatureName": "t", "FeatureType": "String"},
        ],
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://scanned/features"}},
        RoleArn="arn:aws:iam::000000000000:role/r",
    )
    runtime = server.client("sagemaker-featurestore-runtime")
    for hour in range(3):
        moment = f"2023-11-14T0{hour}:00:00Z"
        runtime.put_record(
            FeatureGroupName="scanned",
            Record=[
                {"FeatureName": "id", "ValueAsString": "1"},
                {"FeatureName": "t", "ValueAsString": moment},
            ],
        )
    s3 = server.client("s3")
    wait_for_files(s3, "scanned", 3)
    s3.create_bucket(Bucket="made")
    pattern = "s3://scanned/features/*/sagemaker/*/offline-store/*/data/*/*/*/*/*.parquet"
    run(server, "s3_with_duckdb.py", server.port, pattern, 3)


def wait_for_files(s3: Any, bucket: str, count: int) -> None:
    for _ in range(600):
        keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        if len([key for key in keys if "/data/" in key]) == count:
            return
    raise AssertionError(f"there are not {count} files: {keys}")

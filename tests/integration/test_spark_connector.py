"""AWS's Spark connector, unmodified: its online path over the API, its offline path past it."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import tandem
from e2e.server_process import ServerProcess

pytestmark = [
    pytest.mark.skipif(
        find_spec("feature_store_pyspark") is None or find_spec("pyspark") is None,
        reason="needs PySpark 3.5 and sagemaker-feature-store-pyspark, 360 MB, which no group has",
    ),
    pytest.mark.skipif(shutil.which("java") is None, reason="needs Java, 8 to 17"),
]
JOB = Path(__file__).with_name("spark_connector_job.py")


def run_job(server: ServerProcess, arn: str) -> dict[str, object]:
    found = find_spec("feature_store_pyspark")
    assert found is not None
    assert found.origin is not None
    (jar,) = Path(found.origin).parent.glob("jars/sagemaker-feature-store-spark-sdk-3.5.jar")
    bucket = (server.data / "s3" / "lake").as_uri()
    variables = {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }
    job = subprocess.run(
        [sys.executable, JOB, str(jar), bucket, arn],
        env={**os.environ, **variables},
        capture_output=True,
        check=False,
        text=True,
        timeout=240,
    )
    assert job.returncode == 0, job.stderr[-4000:]
    told: dict[str, object] = json.loads(job.stdout.splitlines()[-1])
    return told


def test_online_and_offline_path(tmp_path: Path) -> None:
    features = {"id": "String", "time": "String", "orders": "Integral", "spend": "Fractional"}
    with ServerProcess(tmp_path / "data") as server, tandem.connect(server.url) as store:
        group = store.create_feature_group(
            "spark",
            features=features,
            record_identifier="id",
            event_time="time",
            s3_uri="s3://lake/features",
        )
        arn = "arn:aws:sagemaker:us-east-1:000000000000:feature-group/spark"
        told = run_job(server, arn)
        assert told["records"] == ["a", "b"]
        assert told["definitions"] == [
            {"FeatureName": name, "FeatureType": type_} for name, type_ in features.items()
        ]
        done = group.adopt_files()
        assert done.refused == ()
        found = store.sql("SELECT id, orders, spend FROM spark ORDER BY ALL").to_arrow()
        assert [tuple(row.values()) for row in found.to_pylist()] == [
            ("a", 11, 0.5),
            ("a", 101, 0.5),
            ("b", 12, None),
            ("b", 102, None),
        ]
        # What went past the API is history alone.
        assert group.get("a") == {
            "id": "a",
            "time": "2024-01-01T00:00:00Z",
            "orders": 11,
            "spend": 0.5,
        }

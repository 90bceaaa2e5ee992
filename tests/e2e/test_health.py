"""What a platform engineer sees of a history that cannot be written."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import urllib3

from e2e.server_process import ServerProcess


def create(server: ServerProcess, name: str) -> str:
    """The folder of the new group's history."""
    sagemaker = server.client("sagemaker")
    sagemaker.create_feature_group(
        FeatureGroupName=name,
        RecordIdentifierFeatureName="id",
        EventTimeFeatureName="time",
        FeatureDefinitions=[
            {"FeatureName": "id", "FeatureType": "String"},
            {"FeatureName": "time", "FeatureType": "Fractional"},
        ],
        OnlineStoreConfig={"EnableOnlineStore": True},
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://bucket/history"}},
        RoleArn="arn:aws:iam::000000000000:role/tandem",
    )
    described = sagemaker.describe_feature_group(FeatureGroupName=name)
    uri: str = described["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]
    return uri.removeprefix("s3://")


def put(server: ServerProcess, group: str, number: int) -> None:
    server.client("sagemaker-featurestore-runtime").put_record(
        FeatureGroupName=group,
        Record=[
            {"FeatureName": "id", "ValueAsString": f"C{number}"},
            {"FeatureName": "time", "ValueAsString": str(number)},
        ],
    )


def health(server: ServerProcess, **headers: str) -> Any:
    answer = urllib3.request("GET", f"{server.url}/health", headers=headers)
    assert answer.status == 200
    return answer.json()


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_health_names_late_groups_until_they_have_caught_up(tmp_path: Path) -> None:
    quick = {"TANDEM_DELIVERY_INTERVAL_SECONDS": "0.2"}
    with ServerProcess(tmp_path / "data", environment=quick) as server:
        broken = tmp_path / "data" / "s3" / create(server, "broken")
        whole = tmp_path / "data" / "s3" / create(server, "whole")
        broken.parent.mkdir(parents=True, exist_ok=True)
        broken.write_bytes(b"a file where the folder should be")
        for number in range(1, 4):
            put(server, "broken", number)
            put(server, "whole", number)
            until(lambda expected=number: len(list(whole.rglob("*.parquet"))) == expected)
        until(lambda: health(server)["status"] == "degraded")
        # Another process that serves the folder says the same, whoever delivers.
        with ServerProcess(tmp_path / "data", port=None, environment=quick) as other:
            until(lambda: health(other)["status"] == "degraded")
            seen = [health(server), health(other)]
        assert seen[0] == seen[1]
        (late,) = seen[0]["late_groups"]
        assert late["group_id"].startswith("broken-")
        assert str(broken) in late["reason"]
        assert late["since"].endswith("Z")
        # A web page may learn how the server is, but nothing about what is in it.
        assert health(server, origin="https://elsewhere.example") == {"status": "degraded"}
        broken.unlink()
        until(lambda: health(server) == {"status": "ok"}, 90)
        assert len(list(broken.rglob("*.parquet"))) >= 1
        log = server.log.read_text()
    assert log.count("it will be tried again") == 1
    assert log.count("has caught up") == 1

"""The AWS SDK for JavaScript, version 3, runs unmodified handlers against the server."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from e2e.server_process import ServerProcess

NODE = Path(__file__).parent / "node"


def _create(server: ServerProcess, name: str, features: dict[str, str]) -> None:
    identifier = next(iter(features))
    server.client("sagemaker").create_feature_group(
        FeatureGroupName=name,
        RecordIdentifierFeatureName=identifier,
        EventTimeFeatureName="event_time",
        FeatureDefinitions=[
            {"FeatureName": feature, "FeatureType": kind} for feature, kind in features.items()
        ],
        OnlineStoreConfig={"EnableOnlineStore": True},
    )


def test_handlers_put_get_and_batch_get(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (NODE / "node_modules").is_dir():
        pytest.skip("needs Node.js and its packages: make tests/e2e/node/node_modules")
    with ServerProcess(tmp_path / "data") as server:
        _create(
            server,
            "user-realtime-features",
            {
                "user_id": "String",
                "event_time": "String",
                "items_in_cart": "Integral",
                "last_viewed_category": "String",
            },
        )
        product = {"product_id": "String", "event_time": "String", "price": "Fractional"}
        _create(server, "product-features", product)
        client = server.client("sagemaker-featurestore-runtime")
        for identifier, price in (("p1", "9.50"), ("p2", "12")):
            values = {"product_id": identifier, "event_time": "1700000000", "price": price}
            client.put_record(
                FeatureGroupName="product-features",
                Record=[
                    {"FeatureName": name, "ValueAsString": text} for name, text in values.items()
                ],
            )
        run = subprocess.run(
            [node, "handlers.js"],
            cwd=NODE,
            env={**os.environ, "TANDEM_URL": server.url},
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout)
    assert seen["user"]["items_in_cart"] == "3"
    assert seen["user"]["last_viewed_category"] == "music"
    assert seen["prices"] == {"p1": 9.5, "p2": 12}
    assert seen["refused"] == "ValidationError"
    assert seen["unknown"] == "ResourceNotFound"

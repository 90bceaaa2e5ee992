"""No process of a server imports pandas, which is there, whatever it is asked for."""

import sys
from pathlib import Path

import pandas as pd
import pytest
import urllib3

import tandem
from e2e.server_process import ServerProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def has_pandas(pid: int | None) -> bool:
    assert pid is not None
    maps = Path(f"/proc/{pid}/maps").read_text()
    assert "libarrow" in maps
    return f"{Path(pd.__file__).parent}/" in maps


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_does_without_pandas(tmp_path: Path, workers: str) -> None:
    environment = {"TANDEM_WORKERS": workers, "TANDEM_DELIVERY_INTERVAL_SECONDS": "0.1"}
    with ServerProcess(tmp_path / "data", environment=environment) as server:
        store = tandem.connect(server.url)
        group = store.create_feature_group(
            "customers",
            features={"id": "String", "time": "Fractional", "orders": "Integral"},
            record_identifier="id",
            event_time="time",
        )
        group.ingest([{"id": f"C{n}", "time": float(n), "orders": n} for n in range(1_000)])
        answer = urllib3.request(
            "POST",
            f"{server.url}/BatchGetRecord",
            json={
                "Identifiers": [
                    {"FeatureGroupName": "customers", "RecordIdentifiersValueAsString": ["C1"]}
                ]
            },
            headers={"accept": "application/vnd.apache.arrow.stream"},
        )
        assert answer.status == 200
        vector = store.feature_vector(["customers:orders"], "C2")
        assert vector.to_arrow()["orders"].to_pylist() == [2]
        assert store.sql("SELECT count(*) AS n FROM customers").to_arrow()["n"].to_pylist() == [
            1_000
        ]
        labels = {"id": ["C3"], "event_time": [2_000.0]}
        training = store.training_set(labels, features=["customers:orders"])
        assert training.to_arrow()["orders"].to_pylist() == [3]
        beside = [server.companion("background_process"), server.companion("query_process")]
        answering = server.process.pid if workers == "1" else server.companion("worker_process")
        assert not any(has_pandas(pid) for pid in [answering, *beside])

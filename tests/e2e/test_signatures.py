"""A server that answers signed requests alone, and clients as they are."""

import io
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError
from click.testing import CliRunner
from pyarrow.fs import S3FileSystem

import tandem
from e2e.server_process import ServerProcess
from tandem.cli.main import main
from tandem.errors import NotAuthenticated

SEEN_SECONDS_MAX = 30.0
Key = Mapping[str, str]
Connect = Callable[..., Any]


def run(*arguments: str) -> str:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def new_key(data: Path) -> Key:
    made: Key = json.loads(run("access-keys", "create", "--data", str(data), "--json"))
    return made


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("signed") / "data"


@pytest.fixture(scope="module")
def key(data: Path) -> Key:
    return new_key(data)


@pytest.fixture(scope="module")
def server(data: Path, key: Key) -> Iterator[ServerProcess]:
    with ServerProcess(data, environment={"TANDEM_DELIVERY_INTERVAL_SECONDS": "0.2"}) as running:
        yield running
        assert key["SecretAccessKey"] not in running.log.read_text()
        assert key["AccessKeyId"] not in running.log.read_text()


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody's credentials are found by themselves."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def connect(server: ServerProcess, key: Key) -> Connect:
    def connect(service: str, given: Key = key, **config: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=server.url,
            region_name="eu-west-1",
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given.get("SessionToken"),
            config=Config(retries={"total_max_attempts": 1}, **config),
        )

    return connect


@pytest.fixture(scope="module")
def library(server: ServerProcess, key: Key) -> Iterator[tandem.FeatureStore]:
    access_key, secret_key = key["AccessKeyId"], key["SecretAccessKey"]
    with tandem.connect(server.url, access_key=access_key, secret_key=secret_key) as store:
        yield store


FRAME = pd.DataFrame(
    {"id": ["C1", "a b/é+%2F"], "time": ["2024-01-01T00:00:00Z"] * 2, "orders": [1, 2]}
)


@pytest.fixture(scope="module")
def group(library: tandem.FeatureStore) -> Any:
    made = library.create_feature_group(
        "shop", features=FRAME, record_identifier="id", event_time="time"
    )
    made.ingest(FRAME)
    return made


def test_the_library_reads_and_writes(library: tandem.FeatureStore, group: Any) -> None:
    assert group.get("a b/é+%2F")["orders"] == 2
    assert group.get_many(["C1", "nobody"])[1] is None
    counted = library.sql('SELECT count(orders) AS n FROM "shop"').to_pandas()
    assert counted["n"].tolist() == [2]
    assert [found.name for found in library.groups("shop")] == ["shop"]


def test_the_librarys_files_reach_the_stores_s3(
    library: tandem.FeatureStore, group: Any, connect: Connect
) -> None:
    connect("s3").create_bucket(Bucket="sets")
    labels = pd.DataFrame({"id": ["C1"], "event_time": ["2024-02-01T00:00:00Z"]})
    training = library.training_set(labels, features=["shop:orders"])
    training.to_parquet("s3://sets/one.parquet")
    assert connect("s3").head_object(Bucket="sets", Key="one.parquet")["ContentLength"] > 0


def test_the_library_finds_credentials_where_awss_clients_do(
    server: ServerProcess, group: Any, key: Key, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with tandem.connect(server.url) as store, pytest.raises(NotAuthenticated, match="not signed"):
        store.groups()
    with (
        tandem.connect(server.url, access_key=key["AccessKeyId"], secret_key="w" * 40) as store,
        pytest.raises(NotAuthenticated, match="check the secret access key"),
    ):
        store.groups()
    folder = tmp_path / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text(
        f"[shop]\naws_access_key_id={key['AccessKeyId']}\n"
        f"aws_secret_access_key={key['SecretAccessKey']}\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "shop")
    with tandem.connect(server.url) as store:
        assert len(store.groups("shop")) == 1
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "w" * 40)
    with tandem.connect(server.url) as store, pytest.raises(NotAuthenticated):
        store.groups()


def test_clients_of_every_service(group: Any, connect: Connect, key: Key) -> None:
    read = connect("sagemaker-featurestore-runtime").get_record(
        FeatureGroupName="shop", RecordIdentifierValueAsString="a b/é+%2F"
    )
    assert read["Record"][2]["ValueAsString"] == "2"
    arn = connect("sagemaker").describe_feature_group(FeatureGroupName="shop")["FeatureGroupArn"]
    connect("sagemaker-featurestore-runtime").put_record(
        FeatureGroupName=arn,
        Record=[
            {"FeatureName": "id", "ValueAsString": "C9"},
            {"FeatureName": "time", "ValueAsString": "2024-01-01T00:00:00Z"},
        ],
    )
    assert connect("athena").list_work_groups()["WorkGroups"]
    assert connect("glue").get_databases()["DatabaseList"]
    assert connect("iam").get_role(RoleName="tandem")["Role"]
    wrong = connect("sagemaker", {**key, "SecretAccessKey": "w" * 40})
    with pytest.raises(ClientError, match="InvalidSignatureException"):
        wrong.list_feature_groups()


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC64NVME", "SHA256", None])
def test_uploads_to_s3(connect: Connect, algorithm: str | None) -> None:
    s3 = connect("s3")
    s3.create_bucket(Bucket="lake")
    content = b"0123456789" * 900_000
    more = {"ExtraArgs": {"ChecksumAlgorithm": algorithm}} if algorithm else {}
    s3.upload_fileobj(io.BytesIO(content), "lake", "a b/ü+~/(1)", **more)
    assert s3.get_object(Bucket="lake", Key="a b/ü+~/(1)")["Body"].read() == content
    small = {"ChecksumAlgorithm": algorithm} if algorithm else {}
    s3.put_object(Bucket="lake", Key="small", Body=b"x", Metadata={"a": "b  c"}, **small)
    assert s3.list_objects_v2(Bucket="lake", Prefix="a b/")["KeyCount"] == 1
    s3.delete_objects(Bucket="lake", Delete={"Objects": [{"Key": "small"}]})


@pytest.mark.parametrize("config", [{}, {"signature_version": "s3v4"}], ids=["default", "s3v4"])
def test_presigned_urls(connect: Connect, config: dict[str, str]) -> None:
    s3 = connect("s3", **config)
    s3.create_bucket(Bucket="lake")
    target = {"Bucket": "lake", "Key": "presigned/ü +~"}
    put = s3.generate_presigned_url("put_object", {**target, "ContentType": "text/csv"})
    headers = {"content-type": "text/csv"}
    assert urllib3.request("PUT", put, body=b"id", headers=headers).status == 200
    get = s3.generate_presigned_url(
        "get_object", {**target, "ResponseContentType": "text/plain; charset=utf-8"}
    )
    got = urllib3.request("GET", get)
    assert (got.status, got.data, got.headers["content-type"][:10]) == (200, b"id", "text/plain")
    other_type = {"content-type": "text/html"}
    for refused in (
        urllib3.request("PUT", get, body=b"id"),
        urllib3.request("GET", put),
        urllib3.request("DELETE", get),
        urllib3.request("GET", get.replace("%2B~", "%2B")),
        urllib3.request("GET", f"{get}&tagging"),
        urllib3.request("GET", f"{get}&attributes"),
        urllib3.request("GET", get, headers={"x-amz-checksum-mode": "ENABLED"}),
        urllib3.request("PUT", put, body=b"id", headers=other_type),
        urllib3.request("GET", get.partition("?")[0]),
    ):
        assert refused.status == 403, refused.data
    over = s3.generate_presigned_url("get_object", target, ExpiresIn=1)
    time.sleep(2.1)
    assert b"Request has expired" in urllib3.request("GET", over).data


def test_files_by_pyarrow(server: ServerProcess, key: Key, connect: Connect) -> None:
    connect("s3").create_bucket(Bucket="arrow")
    files = S3FileSystem(
        access_key=key["AccessKeyId"],
        secret_key=key["SecretAccessKey"],
        region="us-east-1",
        scheme="http",
        endpoint_override=server.url.removeprefix("http://"),
    )
    pq.write_table(pa.table({"id": [1, 2]}), "arrow/x=1/é.parquet", filesystem=files)
    assert pq.read_table("arrow/x=1/é.parquet", filesystem=files).num_rows == 2


def test_sessions(connect: Connect) -> None:
    role = {"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "notebook"}
    session = connect("sts").assume_role(**role)["Credentials"]
    assert connect("sts", session).get_caller_identity()["Arn"].endswith("role/r/notebook")
    assert connect("sagemaker", session).list_feature_groups()
    s3 = connect("s3", session)
    s3.create_bucket(Bucket="of-a-session")
    for config in ({}, {"signature_version": "s3v4"}):
        presigned = connect("s3", session, **config)
        url = presigned.generate_presigned_url("list_buckets")
        assert urllib3.request("GET", url).status == 200
    assert "of-a-session" in [one["Name"] for one in s3.list_buckets()["Buckets"]]
    renewed = connect("sts", session).get_session_token()["Credentials"]
    swapped = {**renewed, "SessionToken": session["SessionToken"]}
    assert connect("s3", renewed).list_buckets()
    with pytest.raises(ClientError, match="InvalidToken"):
        connect("s3", swapped).list_buckets()


def test_keys_come_and_go_without_a_restart(data: Path, connect: Connect) -> None:
    other = new_key(data)
    sts = connect("sts", other)
    role = {"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "notebook"}
    session = sts.assume_role(**role)["Credentials"]
    listed = json.loads(run("access-keys", "list", "--data", str(data), "--json"))
    assert other["AccessKeyId"] in [one["AccessKeyId"] for one in listed]
    run("access-keys", "delete", other["AccessKeyId"], "--data", str(data))
    deadline = time.monotonic() + SEEN_SECONDS_MAX
    error: Any = None
    while error is None and time.monotonic() < deadline:
        try:
            sts.get_caller_identity()
        except ClientError as raised:
            error = raised
    assert error.response["Error"]["Code"] == "InvalidClientTokenId"
    with pytest.raises(ClientError, match="ExpiredToken"):
        connect("sts", session).get_caller_identity()


def test_a_shell_gets_the_key_of_the_folder(
    server: ServerProcess, data: Path, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = json.loads(run("env", "--data", str(data), "--shell", "json"))
    assert told["AWS_ACCESS_KEY_ID"] == key["AccessKeyId"]
    assert told["AWS_SECRET_ACCESS_KEY"] == key["SecretAccessKey"]
    refused = CliRunner().invoke(main, ["env", "--url", server.url])
    assert (refused.exit_code, refused.stdout) == (1, "false\n")
    other = new_key(data)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", other["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", other["SecretAccessKey"])
    told = json.loads(run("env", "--url", server.url, "--shell", "json"))
    assert told["AWS_ACCESS_KEY_ID"] == other["AccessKeyId"]
    assert run("groups", "--store", server.url)


def test_health_is_open_and_says_little(server: ServerProcess) -> None:
    assert urllib3.request("GET", f"{server.url}/health").json() == {"status": "ok"}
    assert urllib3.request("GET", f"{server.url}/tandem/server").status == 403


def test_each_of_several_workers_asks_for_signatures(tmp_path: Path) -> None:
    with ServerProcess(
        tmp_path / "data",
        environment={"TANDEM_WORKERS": "2", "TANDEM_ACCESS_KEYS": f"AKIAWORKERS:{'s' * 40}"},
    ) as server:
        for _ in range(6):  # connections go round
            refused = urllib3.PoolManager().request("GET", f"{server.url}/tandem/server")
            assert refused.status == 403
            with tandem.connect(server.url, access_key="AKIAWORKERS", secret_key="s" * 40) as store:
                assert len(store.groups()) == 0

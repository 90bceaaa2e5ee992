"""Files that other programs write, at a server: over S3 and HTTP, from a shell, and in health."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

import tandem
from e2e.command_line import CommandLine
from e2e.server_process import ServerProcess
from e2e.test_health import health, until
from tandem.errors import ValidationError

QUICK = {"TANDEM_ADOPTION_INTERVAL_SECONDS": "0.2", "TANDEM_ADOPTION_STILL_SECONDS": "0.3"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("files") / "data", environment=QUICK) as server:
        yield server


@pytest.fixture(scope="module")
def store(served: ServerProcess) -> Iterator[tandem.FeatureStore]:
    with tandem.connect(served.url) as store:
        yield store


def create(store: tandem.FeatureStore, name: str, table_format: str = "Glue") -> Any:
    return store.create_feature_group(
        name,
        features={"id": "String", "time": "String", "orders": "Integral"},
        record_identifier="id",
        event_time="time",
        table_format=table_format,
        s3_uri="s3://lake/features",
    )


def put_object(served: ServerProcess, group: Any, name: str, table: pa.Table) -> str:
    """The key of the new object below the group's data folder."""
    file = io.BytesIO()
    pq.write_table(table, file)
    uri = group.definition.offline.resolved_uri.removeprefix("s3://lake/")
    key = f"{uri}/year=2024/month=01/day=01/hour=00/{name}.parquet"
    served.client("s3").put_object(Bucket="lake", Key=key, Body=file.getvalue())
    return key


def rows(*identifiers: str, **columns: Any) -> pa.Table:
    count = len(identifiers)
    given = {"id": list(identifiers), "time": ["2024-01-01T00:00:00Z"] * count}
    return pa.table({**given, **{name: [value] * count for name, value in columns.items()}})


def count(store: tandem.FeatureStore, name: str) -> int:
    return len(store.sql(f'SELECT id FROM "{name}"'))


def test_objects_that_s3_clients_put_become_rows(
    served: ServerProcess, store: tandem.FeatureStore
) -> None:
    group = create(store, "s3-clients")
    key = put_object(served, group, "a", rows("a", "b", orders=1))
    until(lambda: count(store, "s3-clients") == 2)
    with pytest.raises(ClientError) as gone:
        served.client("s3").head_object(Bucket="lake", Key=key)
    assert gone.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    # A sync sends it again and again.
    put_object(served, group, "a", rows("a", "b", orders=1))
    put_object(served, group, "b", rows("c", orders=1))
    until(lambda: count(store, "s3-clients") == 3)
    until(lambda: not group.adopt_files().waiting)
    assert count(store, "s3-clients") == 3


def test_what_is_being_adopted_is_read_only(
    served: ServerProcess, store: tandem.FeatureStore
) -> None:
    group = create(store, "guarded")
    folder = group.definition.offline.resolved_uri.removeprefix("s3://lake/")[: -len("data")]
    with pytest.raises(ClientError) as refused:
        served.client("s3").put_object(Bucket="lake", Key=f"{folder}_adopting/1/x", Body=b"")
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_health_names_refused_files_until_they_are_removed(
    served: ServerProcess, store: tandem.FeatureStore
) -> None:
    group = create(store, "refusals")
    put_object(served, group, "bad", rows("a", colour="red"))
    until(lambda: "refused_files" in health(served))
    (named,) = health(served)["refused_files"]
    assert named["group_id"] == group.definition.group_id
    assert "['colour']" in named["reason"]
    (refused,) = group.adopt_files().refused
    assert refused.kept_at == named["file"]
    folder = group.definition.offline.resolved_uri.removeprefix("s3://lake/")[: -len("data")]
    served.client("s3").delete_object(Bucket="lake", Key=folder + named["file"])
    until(lambda: health(served) == {"status": "ok"})


def test_the_command_line_says_what_the_library_says(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with tandem.connect(folder) as embedded:
        local = create(embedded, "commands")
        place = Path(local.files().data_path)
        place.mkdir(parents=True)
        pq.write_table(rows("a", orders=3), place / "good.parquet")
        pq.write_table(rows("b", orders="x"), place / "bad.parquet")
    cli = CommandLine(str(folder), tmp_path)
    found = cli.run("adopt", "commands", "--json")
    told = json.loads(found.output)
    assert found.code == 1
    assert "bad.parquet is refused and lies in _refused/" in found.errors
    assert [file["path"] for file in told["adopted"]] == ["good.parquet"]
    listed = cli.json("files", "commands")
    with tandem.connect(folder) as embedded:
        files = embedded.feature_group("commands").files()
        assert [pq.read_table(path).num_rows for path in files.paths] == [1]
    assert listed["uris"] == list(files.uris)
    assert listed["spark_schema"] == files.spark_schema


def test_files_over_http_are_uris(served: ServerProcess, store: tandem.FeatureStore) -> None:
    for table_format in ("Glue", "Iceberg"):
        group = create(store, f"uris-{table_format}", table_format)
        group.put({"id": "a", "time": "2024-01-01T00:00:00Z", "orders": 1})
        files = group.files()
        (uri,) = files.uris
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body = served.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        read = pq.read_table(io.BytesIO(body))
        assert set(files.schema.names) <= {*read.column_names}
        assert (files.iceberg_metadata is not None) == (table_format == "Iceberg")
        with pytest.raises(ValidationError, match="server's machine"):
            _ = files.paths
    with pytest.raises(ValidationError, match="no folder of Parquet files"):
        group.adopt_files()

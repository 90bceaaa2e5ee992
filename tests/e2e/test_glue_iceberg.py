"""Iceberg tables through Glue and S3 with PyIceberg, which knows nothing of Tandem.

Its catalog is the one that the SageMaker SDK changes the properties of an offline store by.
"""

import io
import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table

import tandem
from e2e.server_process import ServerProcess

DATABASE = "sagemaker_featurestore"
S3_URI = "s3://lake/features"
numbers = itertools.count(1)
MONDAY = "2024-05-06T12:00:00Z"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("glue")
    often = {"TANDEM_DELIVERY_INTERVAL_SECONDS": "0.2"}
    with ServerProcess(folder, environment=often) as server:
        yield server


@pytest.fixture(scope="module")
def store(served: ServerProcess) -> Iterator[tandem.FeatureStore]:
    with tandem.connect(served.url) as store:
        yield store


@pytest.fixture(scope="module")
def catalog(served: ServerProcess) -> Catalog:
    credentials = {"access-key-id": "test", "secret-access-key": "test", "region": "us-east-1"}
    return load_catalog(
        "glue",
        type="glue",
        **{"glue.endpoint": served.url, "s3.endpoint": served.url},
        **{
            f"{place}.{name}": value
            for place in ("glue", "s3")
            for name, value in credentials.items()
        },
    )


@pytest.fixture
def group(store: tandem.FeatureStore) -> Any:
    return store.create_feature_group(
        f"group-{next(numbers)}",
        features={"id": "String", "time": "String", "amount": "Fractional", "items": "Integral"},
        record_identifier="id",
        event_time="time",
        table_format="Iceberg",
        s3_uri=S3_URI,
    )


def table_name(group: Any) -> str:
    return group.definition.offline.data_catalog.table


def put(group: Any, *identifiers: str) -> None:
    for identifier in identifiers:
        group.put({"id": identifier, "time": MONDAY, "amount": 0.5, "items": 3})


def delivered(catalog: Catalog, group: Any, rows: int) -> Table:
    """The table, once it has so many rows."""
    deadline = time.monotonic() + 60
    while True:
        table = catalog.load_table((DATABASE, table_name(group)))
        if len(identifiers(table)) >= rows:
            return table
        assert time.monotonic() < deadline
        time.sleep(0.1)


def identifiers(table: Table) -> list[str]:
    return sorted(table.scan(selected_fields=("id",)).to_arrow().column("id").to_pylist())


def test_a_groups_table_has_the_rows_that_sql_has(
    store: tandem.FeatureStore, catalog: Catalog, group: Any
) -> None:
    put(group, "a", "b")
    table = delivered(catalog, group, 2)
    assert (DATABASE,) in catalog.list_namespaces()
    assert (DATABASE, table_name(group)) in catalog.list_tables(DATABASE)
    columns = ["id", "time", "amount", "items", "write_time", "api_invocation_time", "is_deleted"]
    statement = f'SELECT {", ".join(columns)} FROM "{group.name}" ORDER BY id'
    read = table.scan().to_arrow().select(columns).sort_by("id")
    assert read.to_pylist() == store.sql(statement).to_arrow().to_pylist()
    assert table.location().startswith(f"{S3_URI}/")
    assert table.metadata_location.startswith(f"{table.location()}/metadata/")


def test_a_new_group_has_a_table_before_anything_is_delivered(catalog: Catalog, group: Any) -> None:
    table = catalog.load_table((DATABASE, table_name(group)))
    assert table.scan().to_arrow().num_rows == 0
    with table.transaction() as transaction:
        transaction.set_properties(**{"write.target-file-size-bytes": "1000000"})
    put(group, "a")
    table = delivered(catalog, group, 1)
    assert table.properties["write.target-file-size-bytes"] == "1000000"


def test_properties_are_set_as_the_sagemaker_sdk_sets_them(
    served: ServerProcess, catalog: Catalog, group: Any
) -> None:
    put(group, "a")
    delivered(catalog, group, 1)
    table = catalog.load_table(f"{DATABASE}.{table_name(group)}")
    with table.transaction() as transaction:
        transaction.set_properties(
            **{
                "history.expire.min-snapshots-to-keep": "3",
                "write.metadata.delete-after-commit.enabled": "true",
                "owner": "risk",
            }
        )
    # Deliveries go on from there, and nothing is lost.
    put(group, "b", "c")
    table = delivered(catalog, group, 3)
    assert identifiers(table) == ["a", "b", "c"]
    assert table.properties["history.expire.min-snapshots-to-keep"] == "3"
    assert table.properties["owner"] == "risk"
    parameters = served.client("glue").get_table(DatabaseName=DATABASE, Name=table_name(group))[
        "Table"
    ]["Parameters"]
    assert parameters["owner"] == "risk"
    assert parameters["metadata_location"] == table.metadata_location
    assert not [name for name in parameters if name.startswith("tandem.")]


def test_rows_that_another_program_appends_are_history(
    store: tandem.FeatureStore, served: ServerProcess, catalog: Catalog, group: Any
) -> None:
    put(group, "a")
    table = delivered(catalog, group, 1)
    (row,) = store.sql(f'SELECT * FROM "{group.name}"').to_arrow().to_pylist()
    schema = pa.schema(
        [
            *(("id", pa.string()), ("time", pa.string()), ("amount", pa.float64())),
            ("items", pa.int64()),
            pa.field("write_time", pa.timestamp("us"), nullable=False),
            pa.field("api_invocation_time", pa.timestamp("us"), nullable=False),
            pa.field("is_deleted", pa.bool_(), nullable=False),
        ]
    )
    file = io.BytesIO()
    named = {name: row[name] for name in schema.names}
    pq.write_table(pa.Table.from_pylist([{**named, "id": "from outside"}], schema), file)
    location = f"{table.location()}/data/outside/rows.parquet"
    bucket, _, key = location.removeprefix("s3://").partition("/")
    served.client("s3").put_object(Bucket=bucket, Key=key, Body=file.getvalue())
    table.add_files([location])
    put(group, "b")
    assert identifiers(delivered(catalog, group, 3)) == ["a", "b", "from outside"]
    found = store.sql(f'SELECT id FROM "{group.name}" ORDER BY id').to_arrow()
    assert found.column("id").to_pylist() == ["a", "b", "from outside"]


def test_a_stale_commit_is_refused(catalog: Catalog, served: ServerProcess, group: Any) -> None:
    put(group, "a")
    stale = delivered(catalog, group, 1)
    glue = served.client("glue")
    before = glue.get_table(DatabaseName=DATABASE, Name=table_name(group))["Table"]
    with stale.transaction() as transaction:
        transaction.set_properties(first="1")
    said = {name: before[name] for name in ("Name", "TableType", "Parameters", "StorageDescriptor")}
    for version in ({"VersionId": before["VersionId"]}, {}):
        current = glue.get_table(DatabaseName=DATABASE, Name=table_name(group))["Table"]
        newest = current["Parameters"]["metadata_location"]
        said["Parameters"] = {
            **before["Parameters"],
            "metadata_location": newest.replace("/metadata/0", "/metadata/9"),
            "previous_metadata_location": before["Parameters"]["metadata_location"],
        }
        with pytest.raises(ClientError) as refused:
            glue.update_table(DatabaseName=DATABASE, TableInput=said, **version)
        assert refused.value.response["Error"]["Code"] == "ConcurrentModificationException"
    stale_version = {"VersionId": before["VersionId"]}
    catalog.glue.meta.events.register(
        "provide-client-params.glue.UpdateTable",
        lambda params, **_: params | stale_version,
        unique_id="stale",
    )
    try:
        with pytest.raises(CommitFailedException), stale.transaction() as transaction:
            transaction.set_properties(second="2")
    finally:
        catalog.glue.meta.events.unregister(
            "provide-client-params.glue.UpdateTable", unique_id="stale"
        )
    assert "second" not in catalog.load_table((DATABASE, table_name(group))).properties


def test_commits_and_deliveries_that_meet_lose_nothing(catalog: Catalog, group: Any) -> None:
    put(group, "start")
    delivered(catalog, group, 1)
    made = 0
    for number in range(8):
        put(group, f"r{number}")
        table = catalog.load_table((DATABASE, table_name(group)))
        try:
            with table.transaction() as transaction:
                transaction.set_properties(**{f"p{number}": "x"})
            made += 1
        except CommitFailedException:
            continue
    assert made > 0
    table = delivered(catalog, group, 9)
    assert identifiers(table) == sorted(["start", *(f"r{number}" for number in range(8))])
    assert sum(name.startswith("p") and name[1:].isdigit() for name in table.properties) == made


class Outsider:
    """Writes metadata files of its own making into a group's table and asks for the exchange."""

    def __init__(self, served: ServerProcess, table: Table, name: str) -> None:
        self._glue, self._s3 = served.client("glue"), served.client("s3")
        self._name = name
        self._current = self._glue.get_table(DatabaseName=DATABASE, Name=name)["Table"]
        self._location = self._current["Parameters"]["metadata_location"]
        bucket, _, key = self._location.removeprefix("s3://").partition("/")
        self._bucket, self._folder = bucket, key.rpartition("/")[0]
        self.metadata = json.loads(self._s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        self.metadata["metadata-log"] = [
            *self.metadata.get("metadata-log", []),
            {"timestamp-ms": self.metadata["last-updated-ms"], "metadata-file": self._location},
        ]
        number = int(key.rpartition("/")[2].partition("-")[0])
        self.message = ""
        self.name = f"{number + 1:05d}-outsider{time.time_ns()}.metadata.json"

    def write(self) -> str:
        key = f"{self._folder}/{self.name}"
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=json.dumps(self.metadata))
        return f"s3://{self._bucket}/{key}"

    def commit(self, location: str) -> str | None:
        """The code with which it was refused; None where it was taken."""
        said = {
            "Name": self._name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {**self._current["Parameters"], "metadata_location": location},
        }
        try:
            self._glue.update_table(DatabaseName=DATABASE, TableInput=said)
        except ClientError as error:
            self.message = error.response["Error"]["Message"]
            return error.response["Error"]["Code"]
        return None


@pytest.fixture
def outsider(served: ServerProcess, catalog: Catalog, group: Any) -> Outsider:
    put(group, "a")
    return Outsider(served, delivered(catalog, group, 1), table_name(group))


def test_an_outsiders_version_that_keeps_all_is_taken(outsider: Outsider) -> None:
    outsider.metadata["properties"]["note"] = "x"
    assert outsider.commit(outsider.write()) is None


def change_uuid(metadata: dict[str, Any]) -> None:
    metadata["table-uuid"] = "00000000-0000-4000-8000-000000000000"


def move_position_back(metadata: dict[str, Any]) -> None:
    (name,) = (name for name in metadata["properties"] if name.startswith("tandem.delivered."))
    metadata["properties"][name] = "0"


def drop_position(metadata: dict[str, Any]) -> None:
    (name,) = (name for name in metadata["properties"] if name.startswith("tandem.delivered."))
    del metadata["properties"][name]


def lose_rows(metadata: dict[str, Any]) -> None:
    metadata["current-snapshot-id"] = -1
    metadata["refs"] = {}


def forget_snapshots(metadata: dict[str, Any]) -> None:
    metadata["snapshots"] = []
    lose_rows(metadata)


def move_manifest_list(metadata: dict[str, Any]) -> None:
    metadata["snapshots"][0]["manifest-list"] = "s3://lake/elsewhere.avro"


def add_strange_snapshot(metadata: dict[str, Any]) -> None:
    strange = dict(metadata["snapshots"][-1])
    strange["snapshot-id"] += 1
    strange["sequence-number"] += 1
    strange["parent-snapshot-id"] = metadata["current-snapshot-id"]
    strange["manifest-list"] = "s3://lake/features/../../../etc/passwd"
    metadata["snapshots"].append(strange)
    metadata["last-sequence-number"] += 1


def move_table(metadata: dict[str, Any]) -> None:
    metadata["location"] = "s3://lake/elsewhere"


def rename_column(metadata: dict[str, Any]) -> None:
    metadata["schemas"][-1]["fields"][2]["name"] = "renamed"


def load_class(metadata: dict[str, Any]) -> None:
    metadata["properties"]["py-io-impl"] = "os.path.join"


def load_provider(metadata: dict[str, Any]) -> None:
    metadata["properties"]["write.py-location-provider.impl"] = "os.path.join"


def write_elsewhere(metadata: dict[str, Any]) -> None:
    metadata["properties"]["write.metadata.path"] = "s3://lake/elsewhere"


def break_number(metadata: dict[str, Any]) -> None:
    metadata["properties"]["write.metadata.previous-versions-max"] = "many"


def break_mapping(metadata: dict[str, Any]) -> None:
    metadata["properties"]["schema.name-mapping.default"] = "{"


def log_of_others(metadata: dict[str, Any]) -> None:
    metadata["metadata-log"].insert(0, {"timestamp-ms": 1, "metadata-file": "s3://lake/precious"})


def from_the_future(metadata: dict[str, Any]) -> None:
    metadata["last-updated-ms"] += 10**12


def new_format(metadata: dict[str, Any]) -> None:
    metadata["format-version"] = 3
    metadata["next-row-id"] = 0


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (change_uuid, "its table uuid would be"),
        (move_position_back, "'tandem.delivered.0' is Tandem's own"),
        (drop_position, "'tandem.delivered.0' is Tandem's own"),
        (lose_rows, "its rows would not go on from snapshot"),
        (forget_snapshots, "its rows would not go on from snapshot"),
        (move_manifest_list, "would be another"),
        (add_strange_snapshot, "outside of s3://lake/features"),
        (move_table, "its location would be"),
        (rename_column, "its columns would be"),
        (load_class, "'py-io-impl' cannot be changed"),
        (load_provider, "'write.py-location-provider.impl' cannot be changed"),
        (write_elsewhere, "'write.metadata.path' cannot be changed"),
        (break_number, "give it a whole number"),
        (log_of_others, "its metadata log has files that are not the table's"),
        (from_the_future, "in the future"),
        (new_format, "its format version would be 3"),
        (break_mapping, "no mapping of names"),
    ],
)
def test_an_outsiders_version_that_harms_is_refused(
    catalog: Catalog, group: Any, outsider: Outsider, harm: Any, reason: str
) -> None:
    harm(outsider.metadata)
    assert outsider.commit(outsider.write()) == "InvalidInputException"
    assert reason in outsider.message
    put(group, "b")
    assert identifiers(delivered(catalog, group, 2)) == ["a", "b"]


def test_a_version_must_be_based_on_the_newest(outsider: Outsider) -> None:
    outsider.metadata["metadata-log"][-1]["metadata-file"] += "x"
    assert outsider.commit(outsider.write()) == "ConcurrentModificationException"
    outsider.name = "99999-outsider.metadata.json"
    assert outsider.commit(outsider.write()) == "ConcurrentModificationException"


def test_a_version_must_be_a_file_of_the_table(outsider: Outsider) -> None:
    written = outsider.write()
    folder = written.rpartition("/")[0]
    for location in (
        written.replace("outsider", "nothing"),
        written.replace("/metadata/", "/data/"),
        f"{folder}/../metadata/{outsider.name}",
        "file:///etc/passwd",
        "s3://elsewhere/metadata/00009-x.metadata.json",
        f"{folder}/x.json",
    ):
        assert outsider.commit(location) == "InvalidInputException", location
    outsider.metadata = "not metadata"  # type: ignore[assignment]
    outsider.name = outsider.name.replace("outsider", "other")
    assert outsider.commit(outsider.write()) == "InvalidInputException"


def test_files_left_in_the_metadata_folder_stop_nothing(
    served: ServerProcess,
    store: tandem.FeatureStore,
    catalog: Catalog,
    outsider: Outsider,
    group: Any,
) -> None:
    outsider.name = "99999-left.metadata.json"
    outsider.write()
    outsider.metadata = []  # type: ignore[assignment]
    outsider.name = "99998-left.metadata.json"
    outsider.write()
    put(group, "b")
    delivered(catalog, group, 2)
    served.stop()
    served._start()
    put(group, "c")
    assert identifiers(delivered(catalog, group, 3)) == ["a", "b", "c"]


def test_history_is_not_replaced_or_deleted(
    served: ServerProcess, catalog: Catalog, group: Any
) -> None:
    put(group, "a")
    table = delivered(catalog, group, 1)
    s3 = served.client("s3")
    bucket, _, key = table.metadata_location.removeprefix("s3://").partition("/")
    for call in (
        lambda: s3.put_object(Bucket=bucket, Key=key, Body=b"{}"),
        lambda: s3.delete_object(Bucket=bucket, Key=key),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_dropped_table_is_hidden_and_comes_back(
    store: tandem.FeatureStore, catalog: Catalog, group: Any
) -> None:
    put(group, "a")
    table = delivered(catalog, group, 1)
    identifier = (DATABASE, table_name(group))
    catalog.drop_table(identifier)
    assert not catalog.table_exists(identifier)
    put(group, "b")
    rows = store.sql(f'SELECT id FROM "{group.name}" ORDER BY id').to_arrow()
    assert rows.column("id").to_pylist() == ["a", "b"]
    catalog.register_table(identifier, table.metadata_location)
    assert identifiers(delivered(catalog, group, 2)) == ["a", "b"]


def test_a_table_of_ones_own(catalog: Catalog, served: ServerProcess) -> None:
    served.client("s3").create_bucket(Bucket="own")
    catalog.create_namespace("mine", {"location": "s3://own/mine", "purpose": "test"})
    properties = catalog.load_namespace_properties("mine")
    assert properties == {"location": "s3://own/mine", "purpose": "test"}
    schema = pa.schema([("id", pa.int64()), ("name", pa.string())])
    table = catalog.create_table("mine.things", schema)
    table.append(pa.table({"id": [1, 2], "name": ["a", "b"]}, schema=schema))
    table.append(pa.table({"id": [3], "name": ["c"]}, schema=schema))
    table.delete("id = 2")
    read = catalog.load_table("mine.things").scan().to_arrow().sort_by("id")
    assert read.to_pylist() == [{"id": 1, "name": "a"}, {"id": 3, "name": "c"}]
    stale = catalog.load_table("mine.things")
    stale.append(pa.table({"id": [4], "name": ["d"]}, schema=schema))
    catalog.rename_table("mine.things", "mine.others")
    assert catalog.list_tables("mine") == [("mine", "others")]
    assert catalog.load_table("mine.others").scan().to_arrow().num_rows == 3
    catalog.purge_table("mine.others")
    assert catalog.list_tables("mine") == []
    catalog.drop_namespace("mine")
    assert ("mine",) not in catalog.list_namespaces()

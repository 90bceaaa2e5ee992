"""Tandem's own operations among AWS's: whatever comes, no 500 and no answer that cannot be read.

Requests are remade from the operations' own shapes, and damaged byte by byte. `test_fuzz` does the
same for AWS's operations.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pytest
from hypothesis import given, note, seed, settings
from hypothesis import strategies as st

from tandem.assembly.core import Core
from tandem.assembly.settings import Settings
from tandem.wire.batch_loads import BatchLoadApi
from tandem.wire.http import ARROW, Request, Response
from tandem.wire.router import Router
from tandem.wire.stream_api import StreamApi
from tandem.wire.tandem_api import TandemApi
from tandem.wire.vector_api import VectorApi

from .bench import RUNTIME, SAGEMAKER, START_US, Bench, group_request, record
from .conftest import create_groups
from .test_fuzz import (
    ANSWERED,
    CODES,
    EXAMPLES,
    SEED,
    create_missing,
    fuzz,
    junk,
    put_records,
    request_of,
    service_model,
    texts,
    values,
)

NAMES = [
    *(
        "both",
        "v2",
        "keyed",
        "memory",
        "history",
        "current",
        "x",
        "made",
        "no name",
        "é",
        "..",
        "%",
    ),
    "arn:aws:sagemaker:eu-west-1:123456789012:feature-group/both",
    "arn:aws:sagemaker:us-west-1:123456789012:feature-group/both",
]
FEATURES = ["id", "time", "whole", "real", "text", "list", "vector", "colour", "", "..", "%2F"]
names = st.sampled_from(NAMES) | texts
features = st.sampled_from(FEATURES) | texts
types = st.dictionaries(features, st.sampled_from(["String", "Integral", "Fractional", "Text"]))
clones = st.fixed_dictionaries(
    {"TargetFeatureGroupName": names | junk},
    optional={
        "FeatureTypes": types | junk,
        "TableFormat": st.sampled_from(["Glue", "Iceberg", "Default"]) | junk,
        "StorageType": st.sampled_from(["Standard", "Standard_V2", "InMemory"]) | junk,
    },
)


def _path(*parts: str) -> str:
    return "/tandem/" + "/".join(
        quote(part, safe="", errors="replace") if index % 2 else part
        for index, part in enumerate(parts)
    )


# Method, path and body of each operation, its path's parts fixed and free by turns.
OWN: dict[str, st.SearchStrategy[tuple[str, str, Any]]] = {
    "ListAliases": st.just(("GET", "/tandem/aliases", None)),
    "SetAlias": st.tuples(
        st.just("PUT"),
        names.map(lambda name: _path("aliases", name)),
        st.fixed_dictionaries({"FeatureGroupName": names | junk}) | junk,
    ),
    "RemoveAlias": st.tuples(
        st.just("DELETE"), names.map(lambda name: _path("aliases", name)), st.none()
    ),
    "ListRetiredFeatures": st.tuples(
        st.just("GET"),
        names.map(lambda name: _path("feature-groups", name, "retired-features")),
        st.none(),
    ),
    **{
        operation: st.tuples(
            st.just(method),
            st.builds(
                lambda name, feature: _path("feature-groups", name, "retired-features", feature),
                names,
                features,
            ),
            st.none() | junk,
        )
        for operation, method in (("RetireFeature", "PUT"), ("RestoreFeature", "DELETE"))
    },
    "CloneFeatureGroup": st.tuples(
        st.just("POST"),
        names.map(lambda name: _path("feature-groups", name, "clone")),
        clones | junk,
    ),
}
AWS = [
    *((RUNTIME, name) for name in service_model(RUNTIME).operation_names),
    *((SAGEMAKER, f"{verb}FeatureGroup") for verb in ("Create", "Describe", "Update", "Delete")),
    (SAGEMAKER, "Search"),
    (SAGEMAKER, "UpdateFeatureMetadata"),
]


@pytest.fixture(scope="module")
def shared() -> Iterator[Bench]:
    made = Bench()
    create_groups(made)
    put_records(made)
    made.core.aliases.set("current", "both")
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _seed_in_output() -> None:
    print(f"TANDEM_FUZZ_SEED={SEED}")


def restore(bench: Bench) -> None:
    """The groups and the alias of `shared`, where requests have met them."""
    for alias in bench.core.aliases.all():
        bench.core.aliases.remove(alias)  # a group that has one could not be deleted
    create_missing(bench)
    bench.core.aliases.set("current", "both")


def own_request(method: str, path: str, body: Any) -> Request:
    content = b"" if body is None else json.dumps(body).encode()
    return Request(method, path.encode(), b"", {}, content, "fuzz")


FORBIDDEN = 403
"""Where a batch load names a place that the settings do not allow."""


def check(response: Response, *more: int) -> None:
    """Whether it is an answer, of a status that is meant; `more` are meant beside the usual."""
    assert response.status in {*ANSWERED, *more}, response
    headers = {name.lower(): value for name, value in response.headers}
    assert headers["x-amzn-requestid"] == "fuzz"
    assert all((name + value).isascii() for name, value in response.headers)
    assert all((name + value).isprintable() for name, value in response.headers)
    if response.status != 200:
        assert headers.get("x-amzn-errortype") in CODES
        assert json.loads(response.body)["message"]


@pytest.mark.parametrize("operation", OWN)
def test_own_operations(shared: Bench, operation: str) -> None:
    @seed(SEED)
    @fuzz
    @given(OWN[operation])
    def run(drawn: tuple[str, str, Any]) -> None:
        note(f"{drawn}")
        check(shared.answer(own_request(*drawn)))

    restore(shared)
    run()


@pytest.mark.parametrize("operation", OWN)
def test_damaged_own_requests(shared: Bench, operation: str) -> None:
    places = st.sampled_from(["raw_path", "query", "body"])

    @seed(SEED)
    @fuzz
    @given(OWN[operation], places, st.integers(0), st.integers(0, 8), st.binary())
    def run(drawn: tuple[str, str, Any], place: str, start: int, cut: int, added: bytes) -> None:
        request = own_request(*drawn)
        content = getattr(request, place)
        start %= len(content) + 1
        setattr(request, place, content[:start] + added + content[start + cut :])
        note(f"{request}")
        check(shared.answer(request))

    restore(shared)
    run()


@pytest.mark.parametrize("aws", AWS, ids=lambda one: one[1])
def test_aws_operations_on_what_the_own_ones_leave(shared: Bench, aws: tuple[str, str]) -> None:
    """Aliases, retired features and clones come and go between the calls of AWS's clients."""
    model = service_model(aws[0]).operation_model(aws[1])

    @seed(SEED)
    @settings(fuzz, max_examples=max(20, EXAMPLES // 4))
    @given(st.lists(st.one_of(*OWN.values()), max_size=3), values(model.input_shape, "", 12))
    def run(before: list[tuple[str, str, Any]], params: Any) -> None:
        for one in before:
            check(shared.answer(own_request(*one)))
        request = request_of(model, params)
        note(f"{before} {request}")
        assert shared.answer(request).status in ANSWERED

    restore(shared)
    run()


# Whole tables


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A router over a real core, with the operations on tables; two groups, one record each."""
    folder = tmp_path_factory.mktemp("tables")
    settings_of_test = Settings(data=folder, online_map_size_bytes=1 << 26)
    core = Core(settings_of_test, lambda: START_US, in_background=False)
    bench = Bench()
    bench.router = Router(
        core,
        token_key=b"k" * 32,
        extensions=[TandemApi(core), BatchLoadApi(core), StreamApi(core), VectorApi(core)],
    )
    for name in ("both", "other"):
        request = group_request(
            name,
            OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://bucket/features"}},
            RoleArn="arn:aws:iam::123456789012:role/r",
        )
        assert bench.send(SAGEMAKER, "CreateFeatureGroup", **request).status == 200
        made = record(id="1", time="2025-06-15T12:00:00Z", text="x")
        assert bench.send(RUNTIME, "PutRecord", FeatureGroupName=name, Record=made).status == 200
    yield bench
    bench.close()
    core.close()


statements = (
    st.sampled_from(
        [
            *(
                "SELECT * FROM both",
                "SELECT 1",
                "",
                ";",
                "SELECT * FROM nowhere",
                "DROP TABLE both",
            ),
            *(
                "COPY both TO '/tmp/x'",
                "SELECT * FROM read_csv('/etc/passwd')",
                "SELECT 1; SELECT 2",
            ),
            *(
                'SELECT id, "no" FROM both',
                "WITH a AS (SELECT 1) SELECT * FROM a",
                "PRAGMA version",
            ),
        ]
    )
    | texts
)
questions = st.fixed_dictionaries(
    {"Statement": statements | junk},
    optional={"Dialect": st.sampled_from(["duckdb", "athena", "x"]) | junk},
)
cells = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=5)
    | (st.sampled_from(["1", "2025-06-15T12:00:00Z", "2025-06-15T13:00:00Z"]))
)
columns = st.sampled_from(["id", "time", "event_time", "text", "whole", "real", "x", ""])
wanted = st.fixed_dictionaries(
    {"Features": st.lists(st.sampled_from(["both:text", "both:*", "other:whole", "x:y"]) | texts)},
    optional={
        "EventTime": st.sampled_from(["time", "event_time", "x"]) | junk,
        "Keys": st.dictionaries(names, columns) | junk,
        "AsOf": st.none() | st.integers() | junk,
        "MaxAgeSeconds": st.none() | st.floats() | junk,
    },
)


@st.composite
def streams(draw: st.DrawFn, request: st.SearchStrategy[Any] | None = None) -> bytes:
    """A table as an Arrow stream, of cells that may fit, with a request in its metadata."""
    rows = draw(st.integers(0, 3))
    arrays: dict[str, pa.Array] = {}
    for name in draw(st.lists(columns, max_size=4, unique=True)):
        kind = draw(st.sampled_from([str, int, float]))
        drawn = draw(st.lists(cells, min_size=rows, max_size=rows))
        arrays[name] = pa.array(
            [cell if isinstance(cell, kind) else None for cell in drawn],
            {str: pa.string(), int: pa.int64(), float: pa.float64()}[kind],
        )
    table = pa.table(arrays)
    if request is not None:
        described = json.dumps(draw(request | junk))
        table = table.replace_schema_metadata({"tandem.request": described})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


batch_loads = st.fixed_dictionaries(
    {
        "FeatureGroupName": names | st.just("both") | junk,
        "Location": st.sampled_from(
            ["s3://bucket/", "s3://bucket/**/[", "s3://..", "/etc/passwd", "/tmp/../x", "é*"]
        )
        | texts
        | junk,
    },
    optional={
        "Format": st.sampled_from(["csv", "parquet", "x"]) | junk,
        "Delimiter": texts | junk,
        "TargetStores": st.lists(st.sampled_from(["OnlineStore", "x"])) | junk,
        "OnError": st.sampled_from(["raise", "skip", "x"]) | junk,
        "IngestionId": texts | junk,
        "FailedRowsLocation": st.sampled_from(["s3://bucket/x.csv", "/x.parquet"]) | texts | junk,
    },
)
moves = st.fixed_dictionaries(
    {"Partition": st.sampled_from(["0", "1", "a/b", ""]) | texts, "After": texts | junk},
    optional={"Before": st.none() | texts | junk},
)
runs = st.fixed_dictionaries(
    {"FeatureGroupName": names | junk},
    optional={
        "TargetStores": st.none() | st.lists(st.sampled_from(["OnlineStore", "x"])) | junk,
        "Deletes": st.booleans() | junk,
    },
)


@st.composite
def stream_batches(draw: st.DrawFn) -> bytes:
    """An envelope of runs, as many as are described or not."""
    described = draw(
        st.fixed_dictionaries(
            {
                "Topic": texts,
                "Moves": st.lists(moves, max_size=3),
                "Runs": st.lists(runs, max_size=2),
            }
        )
        | junk
    )
    cells = draw(st.lists(streams() | st.binary(max_size=8) | st.none(), max_size=2))
    envelope = pa.table({"run": pa.array(cells, pa.binary())})
    envelope = envelope.replace_schema_metadata({"tandem.request": json.dumps(described)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, envelope.schema) as writer:
        writer.write_table(envelope)
    return bytes(sink.getvalue())


batches = st.fixed_dictionaries(
    {
        "Identifiers": st.lists(
            st.fixed_dictionaries(
                {
                    "FeatureGroupName": st.sampled_from(["both", "other"]) | names | junk,
                    "RecordIdentifiersValueAsString": st.lists(st.just("1") | texts) | junk,
                },
                optional={"FeatureNames": st.lists(features) | junk},
            )
            | junk,
            max_size=3,
        )
    },
    optional={"ExpirationTimeResponse": st.sampled_from(["Enabled", "Disabled"]) | junk},
)
vectors = st.fixed_dictionaries(
    {"Features": st.lists(st.sampled_from(["both:text", "both:*", "other:whole", "x:y"]) | texts)},
    optional={
        "Keys": st.dictionaries(names, columns) | junk,
        "MaxAgeSeconds": st.none() | st.floats() | junk,
        "AreIdentifiers": st.booleans() | junk,
    },
)

TABLES: dict[str, st.SearchStrategy[tuple[str, bytes]]] = {
    "query": st.tuples(
        st.just("/tandem/query"), (questions | junk).map(lambda body: json.dumps(body).encode())
    ),
    "batch load": st.tuples(
        st.sampled_from(["/tandem/batch-loads", "/tandem/batch-loads/x/cancel"]),
        (batch_loads | junk).map(lambda body: json.dumps(body).encode()),
    ),
    "training set": st.tuples(st.just("/tandem/training-set"), streams(wanted)),
    "batch get": st.tuples(
        st.sampled_from(["/BatchGetRecord", "/tandem/batch-get-record"]),
        (batches | junk).map(lambda body: json.dumps(body).encode()),
    ),
    "feature vectors": st.tuples(st.just("/tandem/feature-vectors"), streams(vectors)),
    "stream batch": st.tuples(
        st.sampled_from(["s", "a b", "%ff", "", "s/x"]).map(lambda name: f"/tandem/streams/{name}"),
        stream_batches(),
    ),
    "ingest": st.tuples(
        st.sampled_from(["both", "other", "nowhere", "a b", "%ff", ""]).map(
            lambda name: f"/tandem/ingest/{name}"
        ),
        streams(),
    ),
}


@pytest.mark.parametrize("operation", TABLES)
@pytest.mark.parametrize("is_damaged", [False, True])
def test_whole_tables(tables: Bench, operation: str, is_damaged: bool) -> None:
    @seed(SEED)
    @fuzz
    @given(TABLES[operation], st.integers(0), st.integers(0, 8), st.binary(max_size=8))
    def run(drawn: tuple[str, bytes], start: int, cut: int, added: bytes) -> None:
        path, body = drawn
        if is_damaged:
            start %= len(body) + 1
            body = body[:start] + added + body[start + cut :]
        note(f"{path} {body!r}")
        headers = {"accept": ARROW} if start % 2 else {}
        answer = tables.answer(Request("POST", path.encode(), b"", headers, body, "fuzz"))
        check(answer, *([FORBIDDEN] if operation == "batch load" else []))

    run()

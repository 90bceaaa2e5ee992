"""Requests made from botocore's service models, from valid to broken: no 500, no bad answer.

TANDEM_FUZZ_EXAMPLES: requests an operation. TANDEM_FUZZ_SEED: repeats a run whose output names it.
"""

import json
import os
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import strategies as st

from tandem.errors import TandemError
from tandem.wire.error_table import ERROR_TABLE
from tandem.wire.http import Request, Response

from .athena_requests import ATHENA_OPERATIONS, OUTPUTS, PREPARED, QUERIES, make_query
from .bench import (
    ATHENA,
    GLUE,
    OFFLINE,
    RUNTIME,
    SAGEMAKER,
    STS,
    Bench,
    definition,
    group_request,
    parse,
    record,
    service_model,
)
from .conftest import create_groups
from .glue_requests import (
    DATABASE,
    DATABASE_ARN,
    GLUE_REQUESTS,
    NOT_SERVED,
    PARTITION,
    STORAGE,
    TABLE,
    make_catalog,
)
from .role_requests import ACCESS, BOUNDARY, POLICY_ARN, ROLE_NAME, ROLE_REQUESTS, TRUST, make_role
from .session_requests import SESSION_REQUESTS

EXAMPLES = int(os.environ.get("TANDEM_FUZZ_EXAMPLES", "100"))
SEED = int(os.environ.get("TANDEM_FUZZ_SEED", random.randrange(2**32)))
OPERATIONS = [
    *((RUNTIME, name) for name in service_model(RUNTIME).operation_names),
    *((SAGEMAKER, f"{verb}FeatureGroup") for verb in ("Create", "Describe", "Update", "Delete")),
    *((SAGEMAKER, f"{verb}FeatureMetadata") for verb in ("Update", "Describe")),
    *((SAGEMAKER, f"{verb}Tags") for verb in ("Add", "List", "Delete")),
    *((SAGEMAKER, name) for name in ("ListFeatureGroups", "Search", "GetSearchSuggestions")),
    *((service, name) for service, name, _ in [*SESSION_REQUESTS, *ROLE_REQUESTS]),
    *((ATHENA, name) for name in ATHENA_OPERATIONS),
    *((GLUE, name) for _, name, _ in GLUE_REQUESTS),
]
REFUSED = {path.rpartition(".")[2] for path in NOT_SERVED}
CODES = {code.code for codes in ERROR_TABLE.values() for code in codes.values()}
ANSWERED = {200, 400, 404, 405, 409, 415}

fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Bench]:
    """One store for all requests: the later ones meet what the earlier ones left."""
    made = Bench()
    create_groups(made)
    put_records(made)
    make_role(made)
    learn(make_query(made))
    make_catalog(made)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _seed_in_output() -> None:
    print(f"TANDEM_FUZZ_SEED={SEED}")


ARN = "arn:aws:sagemaker:eu-west-1:123456789012:feature-group/"
FAMILIAR: dict[str, list[Any]] = {
    "FeatureGroupName": [
        "both",
        "v2",
        "keyed",
        "memory",
        "history",
        f"{ARN}both",
        f"{ARN}x",
        "x",
        "no name",
    ],
    "FeatureName": ["id", "time", "whole", "real", "text", "list", "set", "vector", "is_deleted"],
    "RecordIdentifierFeatureName": ["id"],
    "EventTimeFeatureName": ["time"],
    "RecordIdentifierValueAsString": ["1", "2", "7"],
    "RecordIdentifiersValueAsString[]": ["1", "2", "7"],
    "FeatureNames[]": ["id", "text"],
    "EventTime": ["2025-06-15T12:00:00Z", "1750000000", "1750000000.5", "0000-01-01T00:00:00Z"],
    "ResourceArn": [DATABASE_ARN, f"{ARN}both", f"{ARN}v2", f"{ARN}x", "both", f"{ARN}no name"],
    "TagKeys[]": ["team", "k", "aws:x"],
    "Key": ["team", "k", "aws:x", "Tags.team"],
    "ParameterRemovals[]": ["k", "unit"],
    "Name": [
        *("FeatureGroupName", "CreationTime", "Tags.team", "AllTags", "FeatureName", "Nothing"),
        *(
            "AwsDataCatalog",
            "analysts",
            "sales",
            "orders",
            "default",
            "sagemaker_featurestore",
            "both_1750000000",
        ),
    ],
    "CatalogId": ["123456789012"],
    "DatabaseName": ["sales", "default", "sagemaker_featurestore"],
    "TableName": ["orders", "both_1750000000"],
    "TablesToDelete[]": ["nothing", "orders"],
    "Values[]": ["2024-05-01", "2024-05-02"],
    "PartitionValues[]": ["2024-05-01"],
    "PartitionValueList[]": ["2024-05-01"],
    "Expression": [
        *("day = '2024-05-01'", "day > '2' AND NOT day IN ('x') OR day LIKE '2%'"),
        *(".*", "(", "a|b", "year = 1", "((((((", "day"),
    ],
    "VersionId": ["0", "1", "2"],
    "FieldName": ["Name", "UpdateTime"],
    "SearchText": ["orders", '"orders"', "x"],
    "NestedPropertyName": ["FeatureDefinitions"],
    "SortBy": ["CreationTime", "FeatureGroupName"],
    "S3Uri": ["s3://bucket/features", "https://x", "s3://"],
    "RoleArn": ["arn:aws:iam::123456789012:role/r"],
    "RoleName": [ROLE_NAME, "bare", "tandem", "r", "no name"],
    "PolicyName": ["access", "other"],
    "AssumeRolePolicyDocument": [TRUST],
    "PolicyDocument": [ACCESS, TRUST],
    "PolicyArn": [POLICY_ARN, BOUNDARY],
    "PermissionsBoundary": [BOUNDARY],
    "Path": ["/", "/teams/", "/x"],
    "PathPrefix": ["/", "/teams"],
    "Marker": ["", "forged"],
    "MaxSessionDuration": [3_600, 43_200],
    "QueryString": QUERIES,
    "OutputLocation": OUTPUTS,
    "Catalog": ["AwsDataCatalog"],
    "ExpectedBucketOwner": ["123456789012"],
    "QueryExecutionId": ["x"],
    "QueryExecutionIds[]": ["x"],
    "NamedQueryId": ["x"],
    "NamedQueryIds[]": ["x"],
    "StatementName": [PREPARED, "new", "x"],
    "PreparedStatementNames[]": [PREPARED, "x"],
    "QueryStatement": ["SELECT ?", "INSERT INTO d.t VALUES (?, ?)", "DROP TABLE t", "SELEC"],
    "WorkGroup": ["primary", "spare", "x"],
    "CatalogName": ["AwsDataCatalog", "x"],
    "Database": ["sagemaker_featurestore", "x"],
    "ResourceARN": ["arn:aws:athena:eu-west-1:123456789012:workgroup/primary", "x"],
    "ClientRequestToken": ["a" * 32, "b" * 64],
    "ExecutionParameters[]": ["1", "'x'", "((", "?"],
    "BytesScannedCutoffPerQuery": [10_000_000],
}
NOON = "2025-06-15T12:00:00Z"
RECORDS = [
    record(id="1", time=NOON),
    record(id="2", time="2025-06-15T12:00:01Z", text="x", whole="7", real="0.5"),
    record(id="7", time="1750000000"),
    record(id="1", time=NOON, list=["1"], set=["a"], vector=["1", "2"]),
]
FITTING: dict[str, list[Any]] = {
    "Record": RECORDS,
    "Features": [*RECORDS, record(text="new"), record(time="2030-01-01T00:00:00Z", text="later")],
    "FeatureDefinitions": [group_request("x")["FeatureDefinitions"]],
    "OnlineStoreConfig": [
        {"EnableOnlineStore": True},
        group_request("x", storage="Standard")["OnlineStoreConfig"],
    ],
    "OfflineStoreConfig": [OFFLINE],
    "ThroughputConfig": [{"ThroughputMode": "OnDemand"}],
    "Tags": [[], [{"Key": "k", "Value": "v"}]],
    "FeatureAdditions": [[definition("shop")], [definition("age", "Integral")], []],
    "ParameterAdditions": [[{"Key": "unit", "Value": "EUR"}], []],
    "DatabaseInput": [DATABASE, {**DATABASE, "Name": "new"}],
    "TableInput": [TABLE, {**TABLE, "Name": "New"}],
    "PartitionInput": [PARTITION, {**PARTITION, "Values": ["2024-05-02"]}],
    "PartitionInputList": [[PARTITION], []],
    "PartitionValues": [["2024-05-01"]],
    "PartitionValueList": [["2024-05-01"]],
    "PartitionsToGet": [[{"Values": ["2024-05-01"]}]],
    "PartitionsToDelete": [[{"Values": ["2024-05-01"]}]],
    "StorageDescriptor": [STORAGE, {}],
    "Segment": [{"SegmentNumber": 0, "TotalSegments": 2}],
    "Filters": [
        [{"Name": "FeatureName", "Operator": "Contains", "Value": "e"}],
        [{"Key": "Name", "Value": "orders"}, {"Key": "CreateTime", "Value": "1"}],
    ],
    "SearchExpression": [
        {"Filters": [{"Name": "FeatureName", "Operator": "Contains", "Value": "e"}]},
        {"Filters": [{"Name": "CreationTime", "Operator": "LessThan", "Value": "2030-01-01"}]},
    ],
}
TEXTS = [
    *("1", "2", "7", "-7", "1.5", "1e3", "NaN", "2025-06-15T12:00:00Z", "9999-12-31T23:59:59.9Z"),
    *("", " ", "\0", "\x1b[0m", "\r\nx-evil: 1", "<&>\"'", "é", "\u2028", "\U0001f600", "null"),
    *("%", "%2F", "..", "../..", "a" * 2_049, "9" * 400, "{}", "[]"),
]
texts = st.sampled_from(TEXTS) | st.text(max_size=20)
numbers = st.integers(-2, 101) | st.integers() | st.sampled_from([2**31, 2**63, 2**64, 10**30])
junk: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def values(
    shape: Shape, name: str, odds: int, around: tuple[str, ...] = ()
) -> st.SearchStrategy[Any]:
    """Values of a shape; about one node in `odds` is something else altogether.

    With odds of 0 none is, and members that others depend on have values that fit together. The
    shapes that this one stands in are `around` it.
    """
    valid = _valid(shape, name, odds, around)
    if name in FITTING and shape.type_name in ("structure", "list"):
        fitting = st.sampled_from(FITTING[name])
        valid = fitting | valid if odds else fitting
    if not odds:
        return valid
    return st.integers(0, odds).flatmap(lambda drawn: junk if drawn == odds else valid)


def _valid(shape: Shape, name: str, odds: int, around: tuple[str, ...]) -> st.SearchStrategy[Any]:
    if isinstance(shape, StructureShape):
        inside = (*around, shape.name)
        members = {
            key: values(inner, key, odds, inside)
            for key, inner in shape.members.items()
            # An expression may hold expressions, but here not without end.
            if around.count(getattr(inner, "member", inner).name) == 0
            and (odds or key not in REFUSED)
        }
        required = {key: members.pop(key) for key in shape.required_members}
        if odds:
            return st.fixed_dictionaries({}, optional={**members, **required})
        return st.fixed_dictionaries(required, optional=members)
    if isinstance(shape, MapShape):
        inner = values(shape.value, f"{name}{{}}", odds, around)
        return st.dictionaries(texts.filter(bool), inner, max_size=3)
    if isinstance(shape, ListShape):
        return st.lists(values(shape.member, f"{name}[]", odds, around), min_size=1, max_size=4)
    if getattr(shape, "enum", None):
        return st.sampled_from(shape.enum)
    if shape.type_name == "string":
        if name == "FeatureGroupName" and "pattern" in shape.metadata:
            new = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
            return st.sampled_from(FAMILIAR[name]) | new
        if name not in FAMILIAR:
            return texts
        return st.sampled_from(FAMILIAR[name]) | texts if odds else st.sampled_from(FAMILIAR[name])
    if shape.type_name == "boolean":
        return st.booleans()
    return st.sampled_from(FAMILIAR[name]) | numbers if name in FAMILIAR else numbers


def request_of(model: OperationModel, params: Any) -> Request:
    """A request that carries `params` whatever they are: botocore's serializer would balk."""
    if not isinstance(params, dict):
        params = {}
    protocol = model.service_model.resolved_protocol
    if protocol == "query":
        pairs = [("Action", model.name), *_form("", params)]
        form = {"content-type": "application/x-www-form-urlencoded"}
        return Request("POST", b"/", b"", form, urlencode(pairs, errors="replace").encode(), "fuzz")
    prefix = model.service_model.metadata.get("targetPrefix")
    headers = {"x-amz-target": f"{prefix}.{model.name}"} if protocol == "json" else {}
    path, pairs, body = model.http["requestUri"], [], {}
    members = model.input_shape.members
    for member, value in params.items():
        location = members[member].serialization.get("location") if member in members else None
        if location == "uri":
            path = path.replace(f"{{{member}}}", quote(_text(value), safe=""))
        elif location == "querystring":
            listed = value if isinstance(value, list) else [value]
            pairs += [(members[member].serialization["name"], _text(one)) for one in listed]
        else:
            body[member] = value
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    content = json.dumps(body).encode() if body or model.http["method"] != "GET" else b""
    method = model.http["method"]
    return Request(method, path.encode(), query.encode(), headers, content, "fuzz")


def _form(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """The names and texts that spell a value in a form."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _form(f"{name}.{key}" if name else key, inner)
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value, start=1):
            yield from _form(f"{name}.member.{index}", inner)
    else:
        yield name, "" if value in ([], {}) else _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def check(bench: Bench, model: OperationModel, request: Request) -> Response:
    note(f"{request}")
    response = bench.answer(request)
    assert response.status in ANSWERED, response
    headers = {name.lower(): value for name, value in response.headers}
    assert headers["x-amzn-requestid"] == request.request_id
    for name, value in response.headers:
        assert (name + value).isprintable()
        assert (name + value).isascii()
    answer = parse(model, response)
    if response.status != 200:
        assert answer.code in CODES, response
        assert answer.message
        assert len(answer.message) <= 2_048
    elif response.body.startswith(b"{"):
        json.loads(response.body)
    else:
        assert response.body == b"" or response.body.startswith(b"<")
    return response


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
@pytest.mark.parametrize("odds", [0, 12, 3])
def test_operations(shared: Bench, service: str, operation: str, odds: int) -> None:
    model = service_model(service).operation_model(operation)

    @seed(SEED)
    @fuzz
    @given(values(model.input_shape, "", odds))
    def run(params: Any) -> None:
        check(shared, model, request_of(model, params))

    create_missing(shared)
    run()


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_damaged_requests(shared: Bench, service: str, operation: str) -> None:
    """A valid request of which bytes were changed, cut or added."""
    model = service_model(service).operation_model(operation)
    places = st.sampled_from(["raw_path", "query", "body"])

    @seed(SEED)
    @fuzz
    @given(values(model.input_shape, "", 0), places, st.integers(0), st.integers(0, 8), st.binary())
    def run(params: Any, place: str, start: int, cut: int, added: bytes) -> None:
        request = request_of(model, params)
        content = getattr(request, place)
        start %= len(content) + 1
        setattr(request, place, content[:start] + added + content[start + cut :])
        check_any(shared, request)

    run()


PATHS = [
    b"/",
    b"/FeatureGroup/both",
    b"/FeatureGroup/%00",
    b"/BatchGetRecord",
    b"/BatchWriteRecord",
]
PATHS += [b"/FeatureGroup/both/Record", b"/FeatureGroup/both/ListRecords"]
METHODS = ["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"]
TARGETS = ["SageMaker.CreateFeatureGroup", "AWSGlue.GetTables", "SageMaker.X", "", "\xff"]
TYPES = ["application/json", "application/x-www-form-urlencoded", "text/xml", "\x7f", ""]
FORMS = [b"Action=GetCallerIdentity", b"Action=%ff", b"Action=\x00", b"Action"]


@seed(SEED)
@settings(fuzz, max_examples=EXAMPLES * 5)
@given(
    method=st.sampled_from(METHODS) | st.text(max_size=5),
    path=st.sampled_from(PATHS) | st.binary(max_size=20).map(lambda tail: b"/" + tail),
    query=st.sampled_from(FORMS) | st.binary(max_size=20),
    target=st.none() | st.sampled_from(TARGETS) | st.text(max_size=5),
    media_type=st.none() | st.sampled_from(TYPES) | st.text(max_size=5),
    body=st.sampled_from(FORMS)
    | st.binary(max_size=40)
    | junk.map(lambda x: json.dumps(x).encode()),
)
def test_requests_of_nothing(
    shared: Bench,
    method: str,
    path: bytes,
    query: bytes,
    target: str | None,
    media_type: str | None,
    body: bytes,
) -> None:
    named = {"x-amz-target": target, "content-type": media_type}
    headers = {name: value for name, value in named.items() if value is not None}
    check_any(shared, Request(method, path, query, headers, body, "fuzz"))


def check_any(bench: Bench, request: Request) -> None:
    """Reads the answer as the protocol of the request would."""
    protocol = bench.router._protocol(request)
    if "x-amz-target" in request.headers:
        model = service_model(SAGEMAKER).operation_model("ListFeatureGroups")
    elif protocol.dialect.name == "QUERY":
        try:
            call = protocol.identify(request)
        except TandemError:
            model = service_model(STS).operation_model("GetCallerIdentity")
        else:
            model = service_model(call.service.name).operation_model(call.operation.name)
    else:
        model = service_model(RUNTIME).operation_model("GetRecord")
    check(bench, model, request)


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_some_requests_succeed(groups: Bench, service: str, operation: str) -> None:
    """The fuzzer is worth its time only if it also reaches what lies behind the checks."""
    model = service_model(service).operation_model(operation)
    statuses: list[int] = []
    put_records(groups)
    make_role(groups)
    make_catalog(groups)
    learn(make_query(groups))

    @seed(1)
    @settings(fuzz, max_examples=200)
    @given(values(model.input_shape, "", 0))
    def run(params: Any) -> None:
        statuses.append(check(groups, model, request_of(model, params)).status)

    run()
    assert 200 in statuses


def create_missing(bench: Bench) -> None:
    """The groups of `create_groups`, where DeleteFeatureGroup has met them."""
    names = {group.name for group in bench.registry.groups()}
    if names.issuperset({"both", "v2", "keyed", "memory", "history"}):
        return
    bench.now_us += 1_000_000
    for name in names:
        bench.send(SAGEMAKER, "DeleteFeatureGroup", FeatureGroupName=name)
    create_groups(bench)
    put_records(bench)


def learn(ids: dict[str, list[Any]]) -> None:
    for member, values in ids.items():
        FAMILIAR[member] = FAMILIAR[f"{member}s[]"] = values


def put_records(bench: Bench) -> None:
    for name, made in (("both", RECORDS[0]), ("v2", RECORDS[1]), ("memory", RECORDS[3])):
        put = bench.send(RUNTIME, "PutRecord", FeatureGroupName=name, Record=made)
        assert put.status == 200

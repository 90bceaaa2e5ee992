"""Aliases, retired features and clones, over Tandem's own REST operations."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.errors import StoreUnavailable

from .bench import RUNTIME, SAGEMAKER, Bench, group_request, record
from .conftest import create_groups
from .test_fuzz import ANSWERED, CODES, EXAMPLES

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:feature-group/"
NOON = "2025-06-15T12:00:00Z"
ALIASES = "/tandem/aliases"
GROUPS = "/tandem/feature-groups"


class Answer(NamedTuple):
    status: int
    code: str | None
    content: Any

    @property
    def message(self) -> str:
        text: str = self.content["message"]
        return text


def call(bench: Bench, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    """`body` is sent as JSON, bytes as they are."""
    sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": "application/json", **headers} if sent else headers
    answer = bench.raw(method, path.encode(), headers=headers, body=sent)
    codes = dict(answer.headers)
    return Answer(
        answer.status,
        codes.get("x-amzn-ErrorType"),
        json.loads(answer.body) if answer.body else None,
    )


def retired_path(name: str, feature: str = "") -> str:
    path = f"{GROUPS}/{quote(name, safe='')}/retired-features"
    return f"{path}/{quote(feature, safe='')}" if feature else path


def clone_path(name: str) -> str:
    return f"{GROUPS}/{quote(name, safe='')}/clone"


def put(bench: Bench, name: str = "both", **features: str) -> None:
    made = record(**{"id": "1", "time": NOON, **features})
    answer = bench.send(RUNTIME, "PutRecord", FeatureGroupName=name, Record=made)
    assert answer.status == 200, answer.parsed


def got(bench: Bench, name: str, identifier: str = "1") -> Any:
    return bench.send(
        RUNTIME, "GetRecord", FeatureGroupName=name, RecordIdentifierValueAsString=identifier
    ).parsed.get("Record")


def test_an_alias_is_set_switched_and_removed(groups: Bench) -> None:
    put(groups, text="of both")
    put(groups, "v2", text="of v2")
    assert call(groups, "GET", ALIASES) == (200, None, {"Aliases": []})
    for target in ("both", "v2", f"{ARN}both"):
        set_ = call(groups, "PUT", f"{ALIASES}/current", {"FeatureGroupName": target})
        assert set_ == (200, None, None)
        name = target.removeprefix(ARN)
        assert call(groups, "GET", ALIASES).content == {
            "Aliases": [{"Alias": "current", "FeatureGroupName": name}]
        }
        for called in ("current", f"{ARN}current"):
            assert got(groups, called)[-1]["ValueAsString"] == f"of {name}"
            listed = groups.send(RUNTIME, "ListRecords", FeatureGroupName=called).parsed
            assert listed["RecordIdentifiers"] == ["1"]
    call(groups, "PUT", f"{ALIASES}/another", {"FeatureGroupName": "v2"})
    names = [alias["Alias"] for alias in call(groups, "GET", ALIASES).content["Aliases"]]
    assert names == ["another", "current"]
    assert call(groups, "DELETE", f"{ALIASES}/current") == (200, None, None)
    gone = call(groups, "DELETE", f"{ALIASES}/current")
    assert gone[:2] == (404, "ResourceNotFound")
    assert "'current'" in gone.message


def test_names_are_percent_encoded(groups: Bench) -> None:
    assert call(groups, "PUT", f"{ALIASES}/c%75rrent", {"FeatureGroupName": "both"}).status == 200
    put(groups, text="x")
    assert call(groups, "PUT", f"{GROUPS}/{ARN}both/retired-features/text").status == 404
    encoded = quote(f"{ARN}both", safe="")
    assert call(groups, "PUT", f"{GROUPS}/{encoded}/retired-features/t%65xt").status == 200
    assert [value["FeatureName"] for value in got(groups, "current")] == ["id", "time"]
    made = call(groups, "POST", f"{GROUPS}/{encoded}/clone", {"TargetFeatureGroupName": "made"})
    assert made.content["FeatureGroupArn"] == f"{ARN}made"


def test_a_feature_is_retired_and_restored(groups: Bench) -> None:
    put(groups, text="x", whole="1")
    assert call(groups, "GET", retired_path("both")) == (200, None, {"RetiredFeatures": []})
    assert call(groups, "PUT", retired_path("both", "text")) == (200, None, None)
    groups.now_us += 5_000_000
    said = {"Description": "in pieces", "Parameters": [{"Key": "unit", "Value": "one"}]}
    about = {"FeatureGroupName": "both", "FeatureName": "whole"}
    change = {"Description": said["Description"], "ParameterAdditions": said["Parameters"]}
    assert groups.send(SAGEMAKER, "UpdateFeatureMetadata", **about, **change).status == 200
    assert call(groups, "PUT", retired_path("both", "whole")) == (200, None, None)
    listed = call(groups, "GET", retired_path("both")).content["RetiredFeatures"]
    later, first = 1_750_000_005.0, 1_750_000_000.0
    whole = {"FeatureName": "whole", "FeatureType": "Integral", **said}
    assert listed == [
        {**whole, "RetiredTime": later, "LastModifiedTime": later},
        {
            "FeatureName": "text",
            "FeatureType": "String",
            "RetiredTime": first,
            "LastModifiedTime": first,
        },
    ]
    assert got(groups, "both") == record(id="1", time=NOON)
    assert call(groups, "DELETE", retired_path("both", "text")) == (200, None, None)
    assert got(groups, "both") == record(id="1", time=NOON, text="x")
    groups.core.aliases.set("current", "both")
    assert call(groups, "GET", retired_path("current")).content == {"RetiredFeatures": listed[:1]}


def test_retired_collections_are_listed_as_what_they_are(groups: Bench) -> None:
    features = [
        {"FeatureName": "id", "FeatureType": "String"},
        {"FeatureName": "time", "FeatureType": "String"},
        {"FeatureName": "words", "FeatureType": "String", "CollectionType": "Set"},
        {
            "FeatureName": "near",
            "FeatureType": "Fractional",
            "CollectionType": "Vector",
            "CollectionConfig": {"VectorConfig": {"Dimension": 2}},
        },
    ]
    request = {**group_request("held", storage="InMemory"), "FeatureDefinitions": features}
    assert groups.send(SAGEMAKER, "CreateFeatureGroup", **request).status == 200
    for feature in ("words", "near"):
        assert call(groups, "PUT", retired_path("held", feature)).status == 200
    listed = call(groups, "GET", retired_path("held")).content["RetiredFeatures"]
    times = {"RetiredTime": 0, "LastModifiedTime": 0}
    assert [{**one, **times} for one in listed] == [{**one, **times} for one in features[2:]]


def test_a_clone(groups: Bench) -> None:
    put(groups, text="12.50", whole="7")
    put(groups, id="2", text="1", real="0.5")
    groups.send(
        RUNTIME,
        "DeleteRecord",
        FeatureGroupName="both",
        RecordIdentifierValueAsString="2",
        EventTime=NOON,
    )
    groups.core.updates.retire_feature("both", "real")
    body = {
        "TargetFeatureGroupName": "both-v2",
        "FeatureTypes": {"text": "Fractional"},
        "StorageType": "Standard_V2",
    }
    made = call(groups, "POST", clone_path("both"), body)
    answer = {"FeatureGroupArn": f"{ARN}both-v2", "Rows": 3, "Records": 2}
    assert made == (200, None, answer)
    described = groups.send(SAGEMAKER, "DescribeFeatureGroup", FeatureGroupName="both-v2").parsed
    kinds = {one["FeatureName"]: one["FeatureType"] for one in described["FeatureDefinitions"]}
    assert kinds == {"id": "String", "time": "String", "whole": "Integral", "text": "Fractional"}
    assert described["FeatureGroupStatus"] == "Created"
    assert described["OnlineStoreConfig"]["StorageType"] == "Standard_V2"
    assert described["OfflineStoreConfig"]["S3StorageConfig"]["S3Uri"] == "s3://bucket/features/"
    assert got(groups, "both-v2") == record(id="1", time=NOON, whole="7", text="12.50")
    assert got(groups, "both-v2", "2") is None
    nulls = {"TargetFeatureGroupName": "both-v3", "FeatureTypes": None, "TableFormat": None}
    assert call(groups, "POST", clone_path(f"{ARN}both-v2"), nulls).status == 200


def test_a_clone_of_an_alias_by_its_arn(groups: Bench) -> None:
    groups.core.aliases.set("current", "both")
    put(groups)
    made = call(groups, "POST", clone_path(f"{ARN}current"), {"TargetFeatureGroupName": "made"})
    assert (made.content["Rows"], made.content["Records"]) == (1, 1)


def test_a_clone_in_the_making_is_described_and_refused(
    groups: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(groups)
    scan, seen = groups.store.scan, []

    def look(*arguments: Any) -> Any:
        if not seen:
            described = groups.send(SAGEMAKER, "DescribeFeatureGroup", FeatureGroupName="made")
            seen.append(described.parsed["FeatureGroupStatus"])
            made = {"FeatureGroupName": "made"}
            seen.append(groups.send(RUNTIME, "ListRecords", **made).message)
            refused = groups.send(RUNTIME, "PutRecord", **made, Record=record(id="1", time=NOON))
            seen.append(refused.message)
            seen.append(call(groups, "PUT", f"{ALIASES}/current", made).message)
        return scan(*arguments)

    monkeypatch.setattr(groups.store, "scan", look)
    assert (
        call(groups, "POST", clone_path("both"), {"TargetFeatureGroupName": "made"}).status == 200
    )
    assert seen[0] == "Creating"
    assert all("'made' is in status Creating" in message for message in seen[1:])
    assert len(seen) == 4


def test_a_clone_that_was_interrupted_says_why(
    groups: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        # Neither can it be completed, nor be deleted.
        patch.setattr(groups.core.groups, "change", _fail)
        answer = call(groups, "POST", clone_path("both"), {"TargetFeatureGroupName": "made"})
        assert answer[:2] == (503, "ServiceUnavailable")
    groups.core.cloning.fail_interrupted()
    described = groups.send(SAGEMAKER, "DescribeFeatureGroup", FeatureGroupName="made").parsed
    assert described["FeatureGroupStatus"] == "CreateFailed"
    assert "clone again" in described["FailureReason"]
    refused = groups.send(RUNTIME, "ListRecords", FeatureGroupName="made")
    assert "clone again" in refused.message
    assert groups.send(SAGEMAKER, "DeleteFeatureGroup", FeatureGroupName="made").status == 200
    again = call(groups, "POST", clone_path("both"), {"TargetFeatureGroupName": "made"})
    assert again.status == 200


def _fail(*_: object) -> None:
    raise StoreUnavailable("the disk is full")


# Bad input


@pytest.fixture
def stored(groups: Bench) -> Bench:
    """`groups` with a record and a retired feature in `both`, and an alias of it."""
    put(groups, text="abc", whole="1")
    groups.core.updates.retire_feature("both", "real")
    groups.core.aliases.set("current", "both")
    return groups


def state(bench: Bench) -> list[Any]:
    """Everything that a refused request must not change."""
    return [bench.log_end(), got(bench, "both"), bench.registry.changes(0)]


V, S, N, U = "ValidationError", "SerializationException", "ResourceNotFound", "ResourceInUse"
STATUS = {V: 400, S: 400, N: 404, U: 409, "UnsupportedMediaTypeException": 415}
ALIAS = f"{ALIASES}/other"
TO_BOTH = {"FeatureGroupName": "both"}
CLONE = clone_path("both")


def clone_of_both(**more: Any) -> tuple[str, str, Any]:
    return "POST", CLONE, {"TargetFeatureGroupName": "made", **more}


CASES: dict[str, tuple[tuple[str, str, Any], str, Sequence[str]]] = {
    "no name of an alias": (("PUT", f"{ALIASES}/-a", TO_BOTH), V, ["'-a'"]),
    "a blank in an alias": (("PUT", f"{ALIASES}/a%20b", TO_BOTH), V, ["'a b'"]),
    "a slash in an alias": (("PUT", f"{ALIASES}/a%2Fb", TO_BOTH), V, ["'a/b'"]),
    "a long alias": (("PUT", f"{ALIASES}/{'a' * 65}", TO_BOTH), V, ["1 to 64 letters"]),
    "other letters in an alias": (("PUT", f"{ALIASES}/%C3%A9", TO_BOTH), V, ["'é'"]),
    "an alias that is no text": (("PUT", f"{ALIASES}/%FF", TO_BOTH), S, ["'%FF'", "UTF-8"]),
    "an ARN for an alias": (
        ("PUT", f"{ALIASES}/{quote(ARN, safe='')}a", TO_BOTH), V, ["arn:aws:sagemaker"]),
    "an alias called as a group": (("PUT", f"{ALIASES}/v2", TO_BOTH), U, ["'v2'"]),
    "an alias of nothing": (("PUT", ALIAS, None), V, ["null", "'FeatureGroupName'"]),
    "an alias of null": (
        ("PUT", ALIAS, {"FeatureGroupName": None}), V, ["null", "'FeatureGroupName'"]),
    "an alias of an empty name": (
        ("PUT", ALIAS, {"FeatureGroupName": ""}), V, ["''", "FeatureGroupName"]),
    "an alias of a number": (("PUT", ALIAS, {"FeatureGroupName": 7}), S, ["'FeatureGroupName'"]),
    "an alias of no name": (("PUT", ALIAS, {"FeatureGroupName": "a b"}), V, ["'a b'"]),
    "an alias of an unknown group": (
        ("PUT", ALIAS, {"FeatureGroupName": "nowhere"}), N, ["'nowhere'"]),
    "an alias of an alias": (("PUT", ALIAS, {"FeatureGroupName": "current"}), N, ["'current'"]),
    "an alias of a foreign group": (
        ("PUT", ALIAS, {"FeatureGroupName": ARN.replace("eu-", "us-") + "both"}),
        N, ["us-west-1"]),
    "an alias from a list": (("PUT", ALIAS, ["both"]), S, ["array"]),
    "an alias from nonsense": (("PUT", ALIAS, b"{"), S, ["JSON"]),
    "an alias from bytes": (("PUT", ALIAS, b"\xff\xfe"), S, ["JSON"]),
    "removing an unknown alias": (("DELETE", ALIAS, None), N, ["'other'"]),
    "removing a group as an alias": (("DELETE", f"{ALIASES}/both", None), N, ["'both'"]),
    "retired features of nothing": (("GET", retired_path("nowhere"), None), N, ["'nowhere'"]),
    "retired features of no name": (("GET", retired_path("a b"), None), V, ["'a b'"]),
    "retiring in nothing": (("PUT", retired_path("nowhere", "text"), None), N, ["'nowhere'"]),
    "retiring nothing": (("PUT", retired_path("both", "colour"), None), N, ["'colour'", "'both'"]),
    "retiring what is no text": (("PUT", retired_path("both") + "/%ff", None), S, ["'%ff'"]),
    "retiring the identifier": (("PUT", retired_path("both", "id"), None), V, ["'id'"]),
    "retiring the event time": (("PUT", retired_path("both", "time"), None), V, ["'time'"]),
    "retiring twice": (("PUT", retired_path("both", "real"), None), V, ["'real'", "already"]),
    "retiring through an alias": (
        ("PUT", retired_path("current", "text"), None), V, ["'current' is an alias", "'both'"]),
    "restoring what is not retired": (
        ("DELETE", retired_path("both", "text"), None), V, ["'text'", "not retired"]),
    "restoring nothing": (("DELETE", retired_path("both", "colour"), None), N, ["'colour'"]),
    "a clone without a name": (
        ("POST", CLONE, None), V, ["null", "'TargetFeatureGroupName'"]),
    "a clone of nothing": (
        ("POST", clone_path("nowhere"), {"TargetFeatureGroupName": "made"}), N, ["'nowhere'"]),
    "a clone called nothing": (clone_of_both(TargetFeatureGroupName=""), V, ["''"]),
    "a clone called a number": (
        clone_of_both(TargetFeatureGroupName=1), S, ["'TargetFeatureGroupName'"]),
    "a clone called an ARN": (clone_of_both(TargetFeatureGroupName=f"{ARN}x"), V, [ARN]),
    "a clone called as its source": (clone_of_both(TargetFeatureGroupName="both"), U, ["'both'"]),
    "a clone called as an alias": (
        clone_of_both(TargetFeatureGroupName="current"), U, ["'current' is an alias"]),
    "an unknown feature": (
        clone_of_both(FeatureTypes={"colour": "String"}), V, ["'colour'", "'both'"]),
    "a retired feature": (clone_of_both(FeatureTypes={"real": "String"}), V, ["'real'", "'both'"]),
    "an unknown type": (
        clone_of_both(FeatureTypes={"id": "String", "text": "Text"}),
        V, ["'Text'", "FeatureTypes.text", "Fractional"]),
    "a type that is no text": (clone_of_both(FeatureTypes={"text": 5}), S, ["'FeatureTypes"]),
    "a type of null": (clone_of_both(FeatureTypes={"text": None}), V, ["null", "'FeatureTypes"]),
    "types as a list": (clone_of_both(FeatureTypes=["text"]), S, ["'FeatureTypes'"]),
    "an unknown table format": (
        clone_of_both(TableFormat="Delta"), V, ["'Delta'", "'TableFormat'", "Iceberg"]),
    "an unknown storage type": (
        clone_of_both(StorageType="Fast"), V, ["'Fast'", "'StorageType'", "Standard_V2"]),
    "InMemory with history": (clone_of_both(StorageType="InMemory"), V, ["InMemory"]),
    "an Integral event time": (
        clone_of_both(FeatureTypes={"time": "Integral"}), V, ["'time'", "Integral"]),
    "a history for a group without one": (
        ("POST", clone_path("v2"), {"TargetFeatureGroupName": "made", "TableFormat": "Glue"}),
        V, ["Glue", "'v2'"]),
    "records for a group without any": (
        ("POST", clone_path("history"),
         {"TargetFeatureGroupName": "made", "StorageType": "Standard"}),
        V, ["Standard", "'history'"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_whole(stored: Bench, case: str) -> None:
    request, code, fragments = CASES[case]
    before = state(stored)
    answer = call(stored, *request)
    assert answer[:2] == (STATUS[code], code), answer
    for fragment in fragments:
        assert fragment in answer.message
    assert state(stored) == before


def test_a_value_that_does_not_convert(stored: Bench) -> None:
    known = stored.registry.groups()
    answer = call(stored, *clone_of_both(FeatureTypes={"text": "Integral"}))
    assert answer[:2] == (400, V)
    assert "record '1': the value 'abc' of feature 'text'" in answer.message
    assert stored.registry.groups() == known
    assert call(stored, *clone_of_both()).status == 200


def test_another_content_type(stored: Bench) -> None:
    answer = call(stored, "PUT", ALIAS, TO_BOTH, **{"content-type": "text/plain"})
    assert answer[:2] == (415, "UnsupportedMediaTypeException")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", ALIASES, 405),
        ("POST", ALIAS, 405),
        ("GET", ALIAS, 405),
        ("GET", f"{ALIASES}/", 404),
        ("GET", f"{ALIASES}/a/b", 404),
        ("POST", retired_path("both"), 405),
        ("GET", retired_path("both", "text"), 405),
        ("GET", CLONE, 405),
        ("POST", f"{GROUPS}/both/clones", 404),
        ("POST", f"{GROUPS}//clone", 404),
        ("GET", GROUPS, 404),
        ("GET", "/tandem", 404),
    ],
)
def test_paths_and_methods_that_are_not_there(
    stored: Bench, method: str, path: str, status: int
) -> None:
    before = state(stored)
    answer = call(stored, method, path)
    assert answer[:2] == (status, "UnknownOperationException")
    assert state(stored) == before


# Anything at all

NAMES = st.sampled_from(
    ["both", "v2", "keyed", "memory", "history", "current", "x", f"{ARN}both", "no name", "é", "\0"]
)
FEATURES = st.sampled_from(["id", "time", "whole", "real", "text", "list", "vector", "colour"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
TYPES = st.dictionaries(
    FEATURES, st.sampled_from(["String", "Integral", "Fractional", "Text"]), max_size=3
)
CLONES = st.fixed_dictionaries(
    {"TargetFeatureGroupName": NAMES | JSON},
    optional={
        "FeatureTypes": TYPES | JSON,
        "TableFormat": st.sampled_from(["Glue", "Iceberg", "Default", ""]) | JSON,
        "StorageType": st.sampled_from(["Standard", "Standard_V2", "InMemory"]) | JSON,
    },
)
REQUESTS = st.one_of(
    st.just(("GET", ALIASES, b"")),
    st.builds(
        lambda method, alias, body: (method, f"{ALIASES}/{quote(alias, safe='')}", body),
        st.sampled_from(["PUT", "DELETE"]),
        NAMES,
        st.fixed_dictionaries({"FeatureGroupName": NAMES | JSON}) | JSON | st.binary(max_size=8),
    ),
    st.builds(
        lambda method, name, feature: (method, retired_path(name, feature), b""),
        st.sampled_from(["GET", "PUT", "DELETE"]),
        NAMES,
        FEATURES | st.just(""),
    ),
    st.builds(
        lambda name, body: ("POST", clone_path(name), body),
        NAMES,
        CLONES | JSON | st.binary(max_size=8),
    ),
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(requests=st.lists(REQUESTS, min_size=1, max_size=8))
def test_no_request_makes_the_server_fail(requests: list[tuple[str, str, Any]]) -> None:
    bench = Bench()
    try:
        create_groups(bench)
        put(bench, text="abc", whole="1")
        for method, path, body in requests:
            answer = call(bench, method, path, body)
            assert answer.status in ANSWERED, (method, path, body, answer)
            assert answer.status == 200 or answer.code in CODES
        check_groups(bench)
    finally:
        bench.close()


def check_groups(bench: Bench) -> None:
    """Every group that is there can be described, and none is half made."""
    for group in bench.registry.groups():
        described = bench.send(SAGEMAKER, "DescribeFeatureGroup", FeatureGroupName=group.name)
        assert described.parsed["FeatureGroupStatus"] == "Created"

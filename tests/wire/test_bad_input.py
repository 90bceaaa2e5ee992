"""Bad input is refused whole: the right code, a message that names member and value, no write."""

from typing import Any

import pytest

from .bench import (
    OFFLINE,
    ROLE,
    RUNTIME,
    SAGEMAKER,
    Bench,
    definition,
    group_request,
    record,
    value,
)

NOON = "2025-06-15T12:00:00Z"
STORED = record(id="1", time=NOON, text="stored")
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:feature-group/"


@pytest.fixture
def stored(groups: Bench) -> Bench:
    """`groups` with record 1 in both, v2 and memory, and record 7 in keyed."""
    for name in ("both", "v2", "memory"):
        put = groups.send(RUNTIME, "PutRecord", FeatureGroupName=name, Record=STORED)
        assert put.status == 200
    keyed = record(id="7", time="1750000000.5")
    put = groups.send(RUNTIME, "PutRecord", FeatureGroupName="keyed", Record=keyed)
    assert put.status == 200
    return groups


def state(bench: Bench) -> list[Any]:
    """Everything that a refused request must not change."""
    keys = [("both", "1"), ("v2", "1"), ("memory", "1"), ("keyed", "7")]
    served = [
        bench.send(
            RUNTIME, "GetRecord", FeatureGroupName=name, RecordIdentifierValueAsString=identifier
        ).response.body
        for name, identifier in keys
    ]
    return [bench.log_end(), served, bench.registry.groups(), bench.registry.groups(deleted=True)]


def put(name: str, features: list[dict[str, Any]], **more: Any) -> tuple[str, dict[str, Any]]:
    return "PutRecord", {"FeatureGroupName": name, "Record": features, **more}


def put_one(**features: Any) -> tuple[str, dict[str, Any]]:
    """A put to `both` that is valid but for these features."""
    return put("both", record(**{"id": "1", "time": NOON, **features}))


def put_keyed(identifier: str, time: str) -> tuple[str, dict[str, Any]]:
    return put("keyed", record(id=identifier, time=time))


def update(name: str, *features: dict[str, Any], **more: Any) -> tuple[str, dict[str, Any]]:
    key = {"FeatureGroupName": name, "RecordIdentifierValueAsString": "1"}
    return "UpdateRecord", {**key, "Features": list(features), **more}


def delete(name: str, time: str, identifier: str = "1", **more: Any) -> tuple[str, dict[str, Any]]:
    key = {"FeatureGroupName": name, "RecordIdentifierValueAsString": identifier}
    return "DeleteRecord", {**key, "EventTime": time, **more}


def get(name: str, identifier: str = "1", **more: Any) -> tuple[str, dict[str, Any]]:
    key = {"FeatureGroupName": name, "RecordIdentifierValueAsString": identifier}
    return "GetRecord", {**key, **more}


def ttl(unit: str, amount: Any) -> dict[str, Any]:
    return {"TtlDuration": {"Unit": unit, "Value": amount}}


def batch_get(*identifiers: str) -> tuple[str, dict[str, Any]]:
    entry = {"FeatureGroupName": "both", "RecordIdentifiersValueAsString": list(identifiers)}
    return "BatchGetRecord", {"Identifiers": [entry]}


def batch_write(count: int) -> tuple[str, dict[str, Any]]:
    entry = {"FeatureGroupName": "both", "Record": record(id="2", time=NOON)}
    return "BatchWriteRecord", {"Entries": [entry] * count}


NUMBERS = [str(number) for number in range(101)]
HALF = {"FeatureGroupName": "both", "RecordIdentifiersValueAsString": NUMBERS[:51]}
V, S, N = "ValidationError", "SerializationException", "ResourceNotFound"

CASES: dict[str, tuple[tuple[str, dict[str, Any]], str, list[str]]] = {
    "unknown group: put": (put("nowhere", STORED), V, ["Resource Not Found", "'nowhere'"]),
    "unknown group: get": (get("nowhere"), N, ["'nowhere'"]),
    "unknown group: delete": (delete("nowhere", NOON), V, ["Resource Not Found", "'nowhere'"]),
    "unknown group: update": (update("nowhere", value("text", "x")), N, ["'nowhere'"]),
    "unknown group: list": (("ListRecords", {"FeatureGroupName": "nowhere"}), N, ["'nowhere'"]),
    "no name of a group": (get("no such name"), V, ["FeatureGroupName", "'no such name'"]),
    "foreign ARN: get": (get(ARN.replace("eu-", "us-") + "both"), N, ["us-west-1"]),
    "foreign ARN: put": (
        put(ARN.replace("1234", "4321") + "both", STORED), V, ["432156789012"]),
    "unknown feature: put": (put_one(colour="red"), V, ["'colour'", "'both'"]),
    "unknown feature: update": (update("v2", value("colour", "red")), V, ["'colour'", "'v2'"]),
    "unknown feature: get": (get("both", FeatureNames=["text", "colour"]), V, ["'colour'"]),
    "a feature in another case": (put_one(Text="x"), V, ["'Text'"]),
    "a feature twice": (
        put("both", [*STORED, value("text", "stored")]), V, ["'text'", "twice"]),
    "a feature twice: update": (
        update("v2", value("text", "a"), value("text", "b")), V, ["'text'", "twice"]),
    "no identifier": (put("both", record(time=NOON)), V, ["record identifier", "'id'", "missing"]),
    "no event time": (put("both", record(id="1")), V, ["event time", "'time'", "missing"]),
    "no features": (put("both", []), V, ["'[]'", "'Record'"]),
    "no features: update": (update("v2"), V, ["'[]'", "'Features'"]),
    "101 features: update": (update("v2", *[value("text", "x")] * 101), V, ["101", "100"]),
    "neither value": (
        put("both", [*STORED[:2], {"FeatureName": "text"}]), V, ["'text'", "neither"]),
    "both values": (
        put("both", [*STORED[:2], {**value("text", "x"), **value("text", ["x"])}]),
        V, ["'text'", "both"]),
    "a list for a scalar": (put_one(text=["x"]), V, ["'text'", "ValueAsString"]),
    "a scalar for a list": (
        put("memory", record(id="1", time=NOON, list="1")), V, ["'list'", "ValueAsStringList"]),
    "a wrong element": (
        put("memory", record(id="1", time=NOON, list=["1", "x"])), V, ["'list'", "'x'"]),
    "a set with a double": (
        put("memory", record(id="1", time=NOON, set=["a", "a"])), V, ["'set'", "twice"]),
    "a vector too long": (
        put("memory", record(id="1", time=NOON, vector=["1"] * 3)), V, ["'vector'", "3", "2"]),
    "letters for Integral": (put_one(whole="abc"), V, ["'whole'", "'abc'"]),
    "a fraction for Integral": (put_one(whole="1.5"), V, ["'whole'", "'1.5'"]),
    "nothing for Integral": (put_one(whole=""), V, ["'whole'", "''"]),
    "65 bits": (put_one(whole=str(2**63)), V, ["'whole'", str(2**63)]),
    "minus 65 bits": (put_one(whole=str(-(2**63) - 1)), V, ["'whole'", str(-(2**63) - 1)]),
    "a long number": (put_one(whole="9" * 5_000), V, ["'whole'", "9" * 64]),
    "other digits": (put_one(whole="\u0661"), V, ["'whole'", "'\u0661'"]),
    "NaN": (put_one(real="NaN"), V, ["'real'", "'NaN'"]),
    "infinity": (put_one(real="Infinity"), V, ["'real'", "'Infinity'"]),
    "minus inf": (put_one(real="-inf"), V, ["'real'", "'-inf'"]),
    "too large for a double": (put_one(real="1e999"), V, ["'real'", "'1e999'"]),
    "hexadecimal": (put_one(real="0x10"), V, ["'real'", "'0x10'"]),
    "wrong type: update": (update("v2", value("whole", "abc")), V, ["'whole'", "'abc'"]),
    "no time": (put_one(time="yesterday"), V, ["'time'", "'yesterday'"]),
    "a date alone": (put_one(time="2025-06-15"), V, ["'time'", "'2025-06-15'"]),
    "a day that is not": (put_one(time="2025-02-30T00:00:00Z"), V, ["'time'", "2025-02-30"]),
    "ten digits of fraction": (put_one(time="2025-06-15T12:00:00.0123456789Z"), V, ["'time'"]),
    "milliseconds": (put_one(time="1750000000000"), V, ["'time'", "1750000000000"]),
    "before the year 0": (put_one(time="-62167219201"), V, ["'time'", "-62167219201"]),
    "text for a Fractional time": (put_keyed("7", NOON), V, ["'time'", NOON]),
    "NaN for a time": (put_keyed("7", "nan"), V, ["'time'", "'nan'"]),
    "a Fractional time too late": (put_keyed("7", "1e300"), V, ["'time'", "1e+300"]),
    "no time: delete": (delete("both", "now"), V, ["'time'", "'now'"]),
    "no time: update": (update("v2", value("time", "now")), V, ["'time'", "'now'"]),
    "letters for an identifier": (put_keyed("x", "1"), V, ["'id'", "'x'"]),
    "letters for an identifier: get": (get("keyed", "x"), V, ["'id'", "'x'"]),
    "letters for an identifier: delete": (delete("keyed", "1", "x"), V, ["'id'", "'x'"]),
    "a record over 350 KB": (put_one(text="é" * 179_200), V, ["bytes", "350 KB"]),
    "a value over 350 KB": (put_one(text="a" * 358_401), V, ["Record[2].ValueAsString", "358400"]),
    "an identifier over 2 KB": (put_one(id="é" * 1_025), V, ["'id'", "2050 bytes"]),
    "an identifier over 2 KB: get": (get("both", "a" * 2_049), V, ["'id'", "2049 bytes"]),
    "an identifier over 2 KB: delete": (delete("both", NOON, "a" * 2_049), V, ["'id'", "2049"]),
    "a TTL of nothing": (put("both", STORED, **ttl("Days", 0)), V, ["'0'", "TtlDuration.Value"]),
    "a TTL below nothing": (put("both", STORED, **ttl("Days", -1)), V, ["'-1'"]),
    "a TTL for ever": (put("both", STORED, **ttl("Weeks", 10**9)), V, ["TtlDuration", str(10**9)]),
    "a TTL of 40 digits": (put("both", STORED, **ttl("Days", 10**40)), V, ["TtlDuration"]),
    "a TTL in years": (put("both", STORED, **ttl("Years", 1)), V, ["'Years'", "TtlDuration.Unit"]),
    "a TTL without a unit": (
        put("both", STORED, TtlDuration={"Value": 1}), V, ["null", "TtlDuration.Unit"]),
    "a TTL of a fraction": (put("both", STORED, **ttl("Days", 1.5)), S, ["TtlDuration.Value"]),
    "a TTL as text": (put("both", STORED, **ttl("Days", "1")), S, ["TtlDuration.Value"]),
    "a TTL without a time: update": (
        update("v2", value("text", "x"), **ttl("Days", 1)), V, ["TtlDuration", "'time'"]),
    "no stores": (put("both", STORED, TargetStores=[]), V, ["'[]'", "TargetStores"]),
    "a store twice": (
        put("both", STORED, TargetStores=["OnlineStore"] * 2), V, ["TargetStores", "OnlineStore"]),
    "three stores": (
        put("both", STORED, TargetStores=["OnlineStore", "OfflineStore", "OnlineStore"]),
        V, ["TargetStores"]),
    "an unknown store": (
        put("both", STORED, TargetStores=["Online"]), V, ["'Online'", "TargetStores[0]"]),
    "an unknown store: delete": (
        delete("both", NOON, TargetStores=["Online"]), V, ["'Online'", "TargetStores[0]"]),
    "a store that the group lacks": (
        put("v2", STORED, TargetStores=["OfflineStore"]), V, ["OfflineStore", "'v2'"]),
    "an update of history alone": (
        update("v2", value("text", "x"), TargetStores=["OfflineStore"]), V, ["OfflineStore"]),
    "a stale HardDelete": (
        delete("both", NOON, DeletionMode="HardDelete"), V, ["EventTime", "'1'"]),
    "an unknown deletion": (
        delete("both", NOON, DeletionMode="Hard"), V, ["'Hard'", "DeletionMode"]),
    "an update of Standard": (update("both", value("text", "x")), V, ["Standard_V2", "'both'"]),
    "an update of what is not": (
        ("UpdateRecord", {"FeatureGroupName": "v2", "RecordIdentifierValueAsString": "2",
                          "Features": record(text="x")}), N, ["'2'"]),
    "an older update": (
        update("v2", value("time", "2025-06-15T11:00:00Z")), "ConflictException", ["'1'"]),
    "an update of the identifier": (update("v2", value("id", "2")), V, ["'id'", "'1'", "'2'"]),
    "an update that grows too large": (
        update("v2", value("text", "a" * 358_390)), V, ["350 KB"]),
    "a record of history": (get("history"), V, ["'history'", "no online store"]),
    "a listing of history": (("ListRecords", {"FeatureGroupName": "history"}), V, ["'history'"]),
    "a listing of 101": (
        ("ListRecords", {"FeatureGroupName": "both", "MaxResults": 101}), V, ["'101'"]),
    "a forged token": (
        ("ListRecords", {"FeatureGroupName": "both", "NextToken": "forged"}), V, ["'forged'"]),
    "101 identifiers": (batch_get(*NUMBERS), V, ["RecordIdentifiersValueAsString", "100"]),
    "101 identifiers in two entries": (
        ("BatchGetRecord", {"Identifiers": [HALF, {**HALF, "RecordIdentifiersValueAsString":
                            NUMBERS[:50]}]}), V, ["101", "100"]),
    "no identifiers": (batch_get(), V, ["'[]'"]),
    "26 entries": (batch_write(26), V, ["Entries", "25"]),
    "no entries": (batch_write(0), V, ["Entries"]),
    "an entry that is none": (("BatchWriteRecord", {"Entries": [{}]}), V, ["Entries[0]", "null"]),
    "an entry with an unknown store": (
        ("BatchWriteRecord", {"Entries": [
            {"FeatureGroupName": "both", "Record": record(id="2", time=NOON)},
            {"FeatureGroupName": "both", "Record": STORED, "TargetStores": ["x"]}]}),
        V, ["'x'", "Entries[1].TargetStores[0]"]),
}  # fmt: skip

STATUS = {V: 400, S: 400, N: 404, "ConflictException": 409}


@pytest.mark.parametrize("case", CASES)
def test_records(stored: Bench, case: str) -> None:
    (operation, params), code, fragments = CASES[case]
    before = state(stored)
    answer = stored.send(RUNTIME, operation, **params)
    assert (answer.status, answer.code) == (STATUS[code], code), answer.parsed
    for fragment in fragments:
        assert fragment in answer.message
    assert state(stored) == before


def new(**changes: Any) -> dict[str, Any]:
    return {**group_request("new"), **changes}


def features(*definitions: dict[str, Any]) -> dict[str, Any]:
    return new(FeatureDefinitions=[definition("id"), definition("time"), *definitions])


def online(**more: Any) -> dict[str, Any]:
    return new(OnlineStoreConfig={"EnableOnlineStore": True, **more})


def offline(**more: Any) -> dict[str, Any]:
    return new(OfflineStoreConfig={**OFFLINE, **more}, RoleArn=ROLE)


VECTOR = {"CollectionType": "Vector", "CollectionConfig": {"VectorConfig": {"Dimension": 2}}}
MANY = [definition(f"f{number}") for number in range(2_499)]
GROUPS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "reserved: is_deleted": (features(definition("is_deleted")), ["'is_deleted'"]),
    "reserved: write_time": (features(definition("Write_Time")), ["'Write_Time'"]),
    "reserved: api_invocation_time": (
        features(definition("api_invocation_time")), ["'api_invocation_time'"]),
    "2,501 features": (features(*MANY), ["2501", "2500"]),
    "no features": (new(FeatureDefinitions=[]), ["FeatureDefinitions", "0"]),
    "a definition twice": (features(definition("a"), definition("a")), ["'a'", "twice"]),
    "a definition twice but for case": (
        features(definition("a"), definition("A")), ["'A'", "twice"]),
    "no name of a feature": (features(definition("a b")), ["'a b'"]),
    "no name of a group": (new(FeatureGroupName="-a"), ["FeatureGroupName", "'-a'"]),
    "an ARN for a name": (new(FeatureGroupName=f"{ARN}new"), ["FeatureGroupName", ARN]),
    "an unknown type": (features(definition("a", "Boolean")), ["'Boolean'", "FeatureType"]),
    "no type": (features({"FeatureName": "a"}), ["FeatureDefinitions[2].FeatureType", "null"]),
    "an undefined identifier": (
        new(RecordIdentifierFeatureName="x"), ["RecordIdentifierFeatureName", "'x'"]),
    "an undefined event time": (new(EventTimeFeatureName="x"), ["EventTimeFeatureName", "'x'"]),
    "an Integral event time": (
        new(EventTimeFeatureName="whole"), ["EventTimeFeatureName", "'whole'", "Integral"]),
    "no store": (new(OnlineStoreConfig=None), ["store"]),
    "a disabled store": (new(OnlineStoreConfig={"EnableOnlineStore": False}), ["store"]),
    "an invalid TTL": (online(TtlDuration={"Unit": "Days", "Value": 0}), ["TtlDuration", "0"]),
    "half a TTL": (online(TtlDuration={"Unit": "Days"}), ["TtlDuration", "'Days'"]),
    "an unknown storage type": (online(StorageType="Fast"), ["'Fast'", "StorageType"]),
    "InMemory with history": (
        {**offline(), **online(StorageType="InMemory")}, ["InMemory", "OfflineStoreConfig"]),
    "a collection in Standard": (
        features(definition("a", CollectionType="List")), ["'a'", "InMemory"]),
    "two vectors": (
        {**features(*(definition(name, "Fractional", **VECTOR) for name in "ab")),
         "OnlineStoreConfig": {"EnableOnlineStore": True, "StorageType": "InMemory"}},
        ["'a'", "'b'"]),
    "a list with a dimension": (
        {**features(definition("a", **{**VECTOR, "CollectionType": "List"})),
         "OnlineStoreConfig": {"EnableOnlineStore": True, "StorageType": "InMemory"}},
        ["'a'", "VectorConfig"]),
    "an empty collection": (
        features(definition("a", CollectionConfig={})), ["'a'", "CollectionConfig"]),
    "no role": ({**offline(), "RoleArn": None}, ["RoleArn"]),
    "no ARN of a role": ({**offline(), "RoleArn": "role"}, ["RoleArn", "'role'"]),
    "no S3 URI": (offline(S3StorageConfig={"S3Uri": "/tmp/x"}), ["S3Uri", "'/tmp/x'"]),
    "an S3 URI that climbs": (
        offline(S3StorageConfig={"S3Uri": "s3://b/../x"}), ["S3Uri", "s3://b/../x"]),
    "no bucket": (offline(S3StorageConfig={}), ["OfflineStoreConfig.S3StorageConfig.S3Uri"]),
    "an unknown format": (offline(TableFormat="Delta"), ["'Delta'", "TableFormat"]),
    "a tag twice": (
        new(Tags=[{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]), ["'k'", "twice"]),
    "a tag without a key": (new(Tags=[{"Value": "1"}]), ["Tags[0].Key", "null"]),
    "units on demand": (
        new(ThroughputConfig={"ThroughputMode": "OnDemand", "ProvisionedReadCapacityUnits": 5}),
        ["ProvisionedReadCapacityUnits", "5"]),
}  # fmt: skip


@pytest.mark.parametrize("case", GROUPS)
def test_feature_groups(stored: Bench, case: str) -> None:
    request, fragments = GROUPS[case]
    before = state(stored)
    answer = stored.send(
        SAGEMAKER, "CreateFeatureGroup", **{k: v for k, v in request.items() if v is not None}
    )
    assert (answer.status, answer.code) == (400, "ValidationException"), answer.parsed
    for fragment in fragments:
        assert fragment in answer.message
    assert state(stored) == before


def test_a_group_that_exists(stored: Bench) -> None:
    before = state(stored)
    answer = stored.send(SAGEMAKER, "CreateFeatureGroup", **group_request("both"))
    assert (answer.status, answer.code) == (400, "ResourceInUse")
    assert "'both'" in answer.message
    assert state(stored) == before


@pytest.mark.parametrize("operation", ["DescribeFeatureGroup", "DeleteFeatureGroup"])
def test_a_group_that_does_not(stored: Bench, operation: str) -> None:
    before = state(stored)
    answer = stored.send(SAGEMAKER, operation, FeatureGroupName="nowhere")
    assert (answer.status, answer.code) == (400, "ResourceNotFound")
    assert "'nowhere'" in answer.message
    assert state(stored) == before


GOOD = {"FeatureGroupName": "both", "Record": record(id="2", time=NOON)}
BAD_ENTRIES = [
    pytest.param(code, entry, fragments, id=case)
    for case, ((operation, entry), code, fragments) in CASES.items()
    if operation == "PutRecord" and "Resource Not Found" not in fragments
    if code == V and not fragments[0].startswith(("'[]'", "'0'", "'-1'", "null", "Record["))
    if not any("TargetStores" in fragment or "Ttl" in fragment for fragment in fragments)
]


@pytest.mark.parametrize(("code", "entry", "fragments"), BAD_ENTRIES)
def test_an_entry_fails_alone(
    stored: Bench, code: str, entry: dict[str, Any], fragments: list[str]
) -> None:
    before = stored.log_end()
    third = {**GOOD, "Record": record(id="3", time=NOON)}
    answer = stored.send(RUNTIME, "BatchWriteRecord", Entries=[GOOD, entry, third])
    assert answer.status == 200
    (error,) = answer.parsed["Errors"]
    assert error["Entry"] == entry
    if entry["FeatureGroupName"].startswith("arn:"):
        code = N  # here it has a code
    assert error["ErrorCode"] == code
    for fragment in fragments:
        assert fragment in error["ErrorMessage"]
    assert answer.parsed["UnprocessedEntries"] == []
    assert stored.log_end() == before + 2
    for identifier in ("2", "3"):
        found = stored.send(RUNTIME, *get("both", identifier)[:1], **get("both", identifier)[1])
        assert found.parsed["Record"] == record(id=identifier, time=NOON)


def test_the_cases_for_entries_are_many() -> None:
    assert len(BAD_ENTRIES) > 30


@pytest.mark.parametrize(
    ("bad", "codes"),
    [
        ({"FeatureGroupName": "nowhere", "RecordIdentifiersValueAsString": ["1", "2"]}, [N, N]),
        ({"FeatureGroupName": "history", "RecordIdentifiersValueAsString": ["1"]}, [V]),
        ({"FeatureGroupName": "keyed", "RecordIdentifiersValueAsString": ["x"]}, [V]),
        ({"FeatureGroupName": "both", "RecordIdentifiersValueAsString": ["a" * 2_049]}, [V]),
        ({"FeatureGroupName": "no name", "RecordIdentifiersValueAsString": ["1", "2"]}, [V, V]),
        (
            {
                "FeatureGroupName": "both",
                "RecordIdentifiersValueAsString": ["1", "2"],
                "FeatureNames": ["colour"],
            },
            [V, V],
        ),
    ],
)
def test_an_identifier_fails_alone(stored: Bench, bad: dict[str, Any], codes: list[str]) -> None:
    good = {"FeatureGroupName": "both", "RecordIdentifiersValueAsString": ["1", "9"]}
    mixed = {"FeatureGroupName": "keyed", "RecordIdentifiersValueAsString": ["7", "x", "007"]}
    answer = stored.send(RUNTIME, "BatchGetRecord", Identifiers=[good, bad, mixed])
    assert answer.status == 200
    found = [record["RecordIdentifierValueAsString"] for record in answer.parsed["Records"]]
    assert found == ["1", "7", "007"]
    errors = answer.parsed["Errors"]
    assert [error["ErrorCode"] for error in errors] == [*codes, V]
    for error, identifier in zip(errors, bad["RecordIdentifiersValueAsString"], strict=False):
        assert error["FeatureGroupName"] == bad["FeatureGroupName"]
        assert error["RecordIdentifierValueAsString"] == identifier


@pytest.mark.parametrize(
    "params",
    [
        {"MaxResults": 0},
        {"MaxResults": 101},
        {"SortBy": "Size"},
        {"SortOrder": "Up"},
        {"NameContains": ""},
        {"FeatureGroupStatusEquals": "Gone"},
        {"OfflineStoreStatusEquals": "Gone"},
        {"NextToken": "forged"},
    ],
)
def test_listings(stored: Bench, params: dict[str, Any]) -> None:
    answer = stored.send(SAGEMAKER, "ListFeatureGroups", **params)
    assert (answer.status, answer.code) == (400, "ValidationException")
    ((member, wrong),) = params.items()
    assert member in answer.message
    assert f"'{wrong}'" in answer.message

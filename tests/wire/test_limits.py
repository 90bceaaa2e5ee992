"""Every limit, enum and required member of botocore's models: one step beyond it is refused.

Each case is a request that is valid but for one member. That no case is missing follows from the
walk: it visits every member of every request shape.
"""

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape

from .athena_requests import ATHENA_NOT_SERVED, ATHENA_REQUESTS, ATHENA_TOKENS, make_athena
from .bench import (
    ATHENA,
    GLUE,
    OFFLINE,
    ROLE,
    RUNTIME,
    SAGEMAKER,
    Bench,
    definition,
    group_request,
    pattern_in_python,
    record,
    service_model,
)
from .conftest import create_groups
from .glue_requests import GLUE_REQUESTS, NOT_SERVED, TOKENS, make_catalog
from .role_requests import MARKERS, ROLE_REQUESTS, make_role
from .session_requests import SESSION_REQUESTS

NOON = "2025-06-15T12:00:00Z"
TTL = {"Unit": "Days", "Value": 1}
STORES = ["OnlineStore", "OfflineStore"]
KEY = {"FeatureGroupName": "both", "RecordIdentifierValueAsString": "1"}
ENTRY = {
    "FeatureGroupName": "both",
    "Record": record(id="1", time=NOON),
    "TargetStores": STORES,
    "TtlDuration": TTL,
}
LISTS = [*record(list=["1"]), *record(id="1", time=NOON)]
VECTOR = {"VectorConfig": {"Dimension": 2}}
NEW_MEMORY = group_request("new", storage="InMemory")
NEW_MEMORY["FeatureDefinitions"] += [
    definition("vector", "Fractional", CollectionType="Vector", CollectionConfig=VECTOR)
]
CATALOG = {"TableName": "t", "Catalog": "c", "Database": "d"}
NEW = group_request(
    "new",
    OnlineStoreConfig={
        "EnableOnlineStore": True,
        "SecurityConfig": {"KmsKeyId": "key"},
        "TtlDuration": TTL,
        "StorageType": "Standard",
    },
    OfflineStoreConfig={
        "S3StorageConfig": {
            **OFFLINE["S3StorageConfig"],
            "KmsKeyId": "key",
            "ResolvedOutputS3Uri": "s3://b/x",
        },
        "DisableGlueTableCreation": False,
        "DataCatalogConfig": CATALOG,
        "TableFormat": "Glue",
    },
    ThroughputConfig={
        "ThroughputMode": "Provisioned",
        "ProvisionedReadCapacityUnits": 1,
        "ProvisionedWriteCapacityUnits": 1,
    },
    RoleArn=ROLE,
    Description="d",
    Tags=[{"Key": "k", "Value": "v"}],
)
FILTER = {"Name": "FeatureGroupName", "Operator": "Contains", "Value": "b"}
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:feature-group/both"
VALID: list[tuple[str, str, dict[str, Any]]] = [
    (RUNTIME, "PutRecord", {k: v for k, v in ENTRY.items() if k != "Record"} | {
        "Record": record(id="1", time=NOON)}),
    (RUNTIME, "PutRecord", {"FeatureGroupName": "memory", "Record": LISTS}),
    (RUNTIME, "GetRecord", {**KEY, "FeatureNames": ["id"], "ExpirationTimeResponse": "Enabled"}),
    (RUNTIME, "DeleteRecord", {
        **KEY, "EventTime": NOON, "TargetStores": STORES, "DeletionMode": "SoftDelete"}),
    (RUNTIME, "UpdateRecord", {
        "FeatureGroupName": "v2", "RecordIdentifierValueAsString": "1",
        "Features": record(time=NOON), "TargetStores": ["OnlineStore"], "TtlDuration": TTL}),
    (RUNTIME, "ListRecords", {
        "FeatureGroupName": "both", "MaxResults": 1, "IncludeSoftDeletedRecords": True}),
    (RUNTIME, "BatchGetRecord", {
        "Identifiers": [{"FeatureGroupName": "both", "RecordIdentifiersValueAsString": ["1"],
                         "FeatureNames": ["id"]}],
        "ExpirationTimeResponse": "Enabled"}),
    (RUNTIME, "BatchWriteRecord", {"Entries": [ENTRY], "TtlDuration": TTL}),
    (RUNTIME, "BatchWriteRecord", {
        "Entries": [{"FeatureGroupName": "memory", "Record": LISTS}]}),
    (RUNTIME, "UpdateRecord", {
        "FeatureGroupName": "memory", "RecordIdentifierValueAsString": "1", "Features": LISTS}),
    (SAGEMAKER, "CreateFeatureGroup", NEW),
    (SAGEMAKER, "CreateFeatureGroup", NEW_MEMORY),
    (SAGEMAKER, "DescribeFeatureGroup", {"FeatureGroupName": "both"}),
    (SAGEMAKER, "DeleteFeatureGroup", {"FeatureGroupName": "both"}),
    (SAGEMAKER, "ListFeatureGroups", {
        "NameContains": "b", "FeatureGroupStatusEquals": "Created",
        "OfflineStoreStatusEquals": "Active", "CreationTimeAfter": 0, "CreationTimeBefore": 4e9,
        "SortOrder": "Ascending", "SortBy": "Name", "MaxResults": 1}),
    (SAGEMAKER, "UpdateFeatureGroup", {
        "FeatureGroupName": "both",
        "FeatureAdditions": [definition("new")],
        "OnlineStoreConfig": {"TtlDuration": TTL, "StorageType": "Standard_V2"},
        "ThroughputConfig": NEW["ThroughputConfig"]}),
    (SAGEMAKER, "UpdateFeatureGroup", {
        "FeatureGroupName": "plain", "FeatureAdditions": [NEW_MEMORY["FeatureDefinitions"][-1]]}),
    (SAGEMAKER, "UpdateFeatureMetadata", {
        "FeatureGroupName": "both", "FeatureName": "text", "Description": "d",
        "ParameterAdditions": [{"Key": "k", "Value": "v"}], "ParameterRemovals": ["old"]}),
    (SAGEMAKER, "DescribeFeatureMetadata", {"FeatureGroupName": "both", "FeatureName": "text"}),
    (SAGEMAKER, "AddTags", {"ResourceArn": ARN, "Tags": [{"Key": "k", "Value": "v"}]}),
    (SAGEMAKER, "DeleteTags", {"ResourceArn": ARN, "TagKeys": ["k"]}),
    (SAGEMAKER, "ListTags", {"ResourceArn": ARN, "MaxResults": 50}),
    (SAGEMAKER, "Search", {
        "Resource": "FeatureGroup",
        "SearchExpression": {
            "Filters": [FILTER],
            "NestedFilters": [{"NestedPropertyName": "FeatureDefinitions",
                               "Filters": [{**FILTER, "Name": "FeatureDefinitions.FeatureName"}]}],
            "SubExpressions": [{"Filters": [FILTER], "Operator": "Or"}],
            "Operator": "And"},
        "SortBy": "CreationTime", "SortOrder": "Ascending", "MaxResults": 1,
        "CrossAccountFilterOption": "SameAccount",
        "VisibilityConditions": [{"Key": "Tags.team", "Value": "a"}]}),
    (SAGEMAKER, "GetSearchSuggestions", {
        "Resource": "FeatureGroup",
        "SuggestionQuery": {"PropertyNameQuery": {"PropertyNameHint": "Feature"}}}),
    *ROLE_REQUESTS,
    *SESSION_REQUESTS,
    *GLUE_REQUESTS,
    *ATHENA_REQUESTS,
]  # fmt: skip
OPERATIONS = {(service, operation) for service, operation, _ in VALID}
NOT_REACHED = {
    # Tokens cannot be made up: `test_paging` gives forged ones. Describe never gives one out.
    "ListRecords.NextToken",
    "ListFeatureGroups.NextToken",
    "DescribeFeatureGroup.NextToken",
    "Search.NextToken",
    *MARKERS,
    *TOKENS,
    *NOT_SERVED,
    *ATHENA_TOKENS,
    *ATHENA_NOT_SERVED,
    # All tags of a group are one page.
    "ListTags.NextToken",
    # An expression within an expression is like the one around it.
    "Search.SearchExpression.SubExpressions[].NestedFilters",
    "Search.SearchExpression.SubExpressions[].SubExpressions",
}
NOT_CHECKED = {
    # Ours, not the caller's: it is ignored, as are other members that nobody reads.
    "CreateFeatureGroup.OfflineStoreConfig.S3StorageConfig.ResolvedOutputS3Uri",
    # A query string cannot say that a list is empty.
    "GetRecord.FeatureNames min",
    "DeleteRecord.TargetStores min",
}
WITH_PATTERNS = {ATHENA, GLUE}
"""Whose patterns shapes check. Elsewhere names, ARNs and URIs are checked where they are used."""
NAMES_OF_ENTRIES = ("Identifiers", "Entries")
"""A name that is none fails its entry alone, as an unknown group does."""
Path = tuple[str | int, ...]


def steps_beyond(
    name: str, shape: Shape, value: Any, path: Path = (), *, patterns: bool
) -> Iterator[tuple[str, Path, Any]]:
    """(case, path, value beyond the limit) for each limit below `shape`; ABSENT removes."""
    limits = shape.metadata
    if isinstance(shape, StructureShape):
        for member in shape.required_members:
            yield f"{name}.{member} required", (*path, member), ABSENT
        for member, inner in shape.members.items():
            if member in value:
                yield from steps_beyond(
                    f"{name}.{member}", inner, value[member], (*path, member), patterns=patterns
                )
    elif isinstance(shape, ListShape):
        if limits.get("min", 0) > 0:
            yield f"{name} min", path, value[: limits["min"] - 1]
        if "max" in limits:
            yield f"{name} max", path, (value * (limits["max"] + 1))[: limits["max"] + 1]
        yield from steps_beyond(f"{name}[]", shape.member, value[0], (*path, 0), patterns=patterns)
    elif isinstance(shape, MapShape):
        if "max" in limits:
            more = {str(number): "v" for number in range(limits["max"] + 1)}
            yield f"{name} max", path, more
        for key, inner in list(value.items())[:1]:
            for case, _, beyond in steps_beyond(
                f"{name}{{key}}", shape.key, key, patterns=patterns
            ):
                yield case, path, {beyond: inner}
            yield from steps_beyond(
                f"{name}{{}}", shape.value, inner, (*path, key), patterns=patterns
            )
    elif shape.type_name == "string" and shape.enum:
        yield f"{name} enum", path, "Nonsense"
    elif shape.type_name == "string":
        if limits.get("min", 0) > 0:
            yield f"{name} min", path, "a" * (limits["min"] - 1)
        if "max" in limits:
            yield f"{name} max", path, "a" * (limits["max"] + 1)
        if "pattern" in limits and patterns:
            yield f"{name} pattern", path, strange_text(shape)
    elif shape.type_name in ("integer", "long"):
        if "min" in limits:
            yield f"{name} min", path, limits["min"] - 1
        if "max" in limits:
            yield f"{name} max", path, limits["max"] + 1


def strange_text(shape: Shape) -> str:
    """A text of a length that is allowed, which the pattern does not match."""
    length = max(shape.metadata.get("min", 1), 1)
    texts = (sign * length for sign in (" ", "\0"))
    return next(text for text in texts if not re.fullmatch(pattern_in_python(shape), text))


ABSENT = object()


def changed(params: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    copied = copy.deepcopy(params)
    place: Any = copied
    for step in path[:-1]:
        place = place[step]
    if value is ABSENT:
        place.pop(path[-1], None)
    else:
        place[path[-1]] = value
    return copied


def cases() -> Iterator[Any]:
    seen: set[tuple[str, str]] = set()
    for service, operation, params in VALID:
        shape = service_model(service).operation_model(operation).input_shape
        for case, path, value in steps_beyond(
            operation, shape, params, patterns=service in WITH_PATTERNS
        ):
            in_the_path = (
                path == ("FeatureGroupName",) and service == RUNTIME and value in ("", ABSENT)
            )
            skipped = case in NOT_CHECKED or case.rpartition(" ")[0] in NOT_CHECKED
            if (service, case) in seen or skipped or in_the_path:
                continue  # an empty name in the path is another path: test_protocols has it
            seen.add((service, case))
            yield pytest.param(service, operation, changed(params, path, value), path, id=case)


@pytest.mark.parametrize(("service", "operation", "params"), VALID)
def test_the_requests_are_valid(
    groups: Bench, service: str, operation: str, params: dict[str, Any]
) -> None:
    prepare(groups, service)
    answer = groups.send(service, operation, **params)
    assert answer.status == 200, answer.parsed


def test_no_operation_is_left_out(groups: Bench) -> None:
    served = {
        (service.name, operation.name)
        for service in groups.router.services
        for operation in service.operations
    }
    assert served == OPERATIONS


def test_the_requests_have_every_member() -> None:
    missing: set[str] = set()
    for service, operation in OPERATIONS:
        shape = service_model(service).operation_model(operation).input_shape
        sent = [params for s, o, params in VALID if (s, o) == (service, operation)]
        missing |= set(_unsent(operation, shape, sent))
    assert missing == NOT_REACHED


def _unsent(name: str, shape: Shape, values: list[Any]) -> Iterator[str]:
    if isinstance(shape, ListShape):
        yield from _unsent(f"{name}[]", shape.member, [one for value in values for one in value])
    elif isinstance(shape, MapShape):
        inside = [one for value in values for one in value.values()]
        yield from _unsent(f"{name}{{}}", shape.value, inside)
    elif isinstance(shape, StructureShape):
        for member, inner in shape.members.items():
            found = [value[member] for value in values if member in value]
            if not found:
                yield f"{name}.{member}"
            else:
                yield from _unsent(f"{name}.{member}", inner, found)


@pytest.fixture(scope="module")
def untouched() -> Iterator[Bench]:
    """What all refused requests meet: none of them changes anything, which each test asserts."""
    made = Bench()
    create_groups(made)
    for service in (RUNTIME, ATHENA):
        prepare(made, service)
    yield made
    made.close()


@pytest.mark.parametrize(("service", "operation", "params", "path"), list(cases()))
def test_one_step_beyond_is_refused(
    untouched: Bench, service: str, operation: str, params: dict[str, Any], path: Path
) -> None:
    before = state(untouched)
    answer = untouched.send(service, operation, **params)
    if _is_name_of_an_entry(params, path):
        assert [error["ErrorCode"] for error in answer.parsed["Errors"]] == ["ValidationError"]
        assert state(untouched) == before
        return
    assert answer.status == 400, answer.parsed
    codes = {
        SAGEMAKER: "ValidationException",
        GLUE: "InvalidInputException",
        ATHENA: "InvalidRequestException",
    }
    assert answer.code == codes.get(service, "ValidationError")
    assert state(untouched) == before
    assert any(_names(answer.message, step) for step in path), answer.message


def state(bench: Bench) -> tuple[Any, ...]:
    """Everything that a refused request must not change."""
    kinds = ["role", *bench.registry._documents]
    documents = {kind: bench.registry.documents(kind) for kind in kinds}
    return bench.log_end(), bench.registry.changes(0), documents


def _is_name_of_an_entry(params: dict[str, Any], path: Path) -> bool:
    if path[0] not in NAMES_OF_ENTRIES or path[2:] != ("FeatureGroupName",):
        return False
    return "FeatureGroupName" in params[path[0]][0]


def _names(message: str, step: str | int) -> bool:
    """Whether the message names the member, or what it is about in other words."""
    words = {
        "ValueAsString": ("record",),
        "FeatureName": ("feature name",),
        "Key": ("tag key", "parameter key"),
        "Value": ("the value of tag", "the value of parameter"),
        "TagKeys": ("tag key",),
        "ParameterRemovals": ("parameter key",),
        "RecordIdentifierValueAsString": ("record identifier",),
    }
    return any(word in message for word in (str(step), *words.get(str(step), ())))


def prepare(bench: Bench, service: str) -> None:
    """Records and roles to work on, and a group in memory that has no Vector yet."""
    if service == ATHENA:
        make_athena(bench)
        return
    make_role(bench)
    make_catalog(bench)
    plain = group_request("plain", storage="InMemory")
    assert bench.send(SAGEMAKER, "CreateFeatureGroup", **plain).status == 200
    for name in ("both", "v2", "memory"):
        made = bench.send(
            RUNTIME, "PutRecord", FeatureGroupName=name, Record=record(id="1", time=NOON)
        )
        assert made.status == 200

"""What AWS answers to calls of its API, as a table: the call, its arguments, the expected outcome.

A scene is a list of calls that are made one after the other; no scene knows of another's groups.
Where Tandem differs from AWS on purpose, docs/api.md says so, and the call is not in here.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

CONTROL, RUNTIME = "sagemaker", "sagemaker-featurestore-runtime"
ARN = "arn:aws:sagemaker:us-east-1:000000000000:feature-group/"
ROLE = "arn:aws:iam::000000000000:role/feature-store"
NOON, LATER, EARLIER = "2130-01-01T12:00:00Z", "2130-01-01T12:00:01Z", "2130-01-01T11:59:59Z"
DAY = {"Unit": "Days", "Value": 1}


class Refused(NamedTuple):
    """The code and the HTTP status of an error, and a text that its message holds."""

    code: str
    status: int
    said: str = ""


class Call(NamedTuple):
    """One call of a client. `outcome` is a refusal, or members that the answer has."""

    service: str
    method: str
    arguments: dict[str, Any]
    outcome: Refused | dict[str, Any]


class Present:
    """Any value of a member; `ABSENT` says that the member is not there."""


PRESENT, ABSENT = Present(), Present()
INVALID = Refused("ValidationException", 400)
INVALID_RECORD = Refused("ValidationError", 400)
UNKNOWN = Refused("ResourceNotFound", 400, "Resource Not Found")
UNKNOWN_TO_READERS = Refused("ResourceNotFound", 404)


def on(method: str, outcome: Refused | dict[str, Any], **arguments: Any) -> Call:
    """A call of the service that has this method."""
    is_of_records = method.endswith(("_record", "_records"))
    return Call(RUNTIME if is_of_records else CONTROL, method, arguments, outcome)


def feature(name: str, kind: str = "String", **more: Any) -> dict[str, Any]:
    return {"FeatureName": name, "FeatureType": kind, **more}


FEATURES = [feature("id"), feature("time"), feature("whole", "Integral"), feature("note")]
OFFLINE = {"S3StorageConfig": {"S3Uri": "s3://lake/features"}}


def create(name: str, **more: Any) -> Call:
    given = {
        "FeatureGroupName": name,
        "RecordIdentifierFeatureName": "id",
        "EventTimeFeatureName": "time",
        "FeatureDefinitions": FEATURES,
        "OnlineStoreConfig": {"EnableOnlineStore": True},
        **more,
    }
    outcome = {"FeatureGroupArn": f"{ARN}{name}"}
    return on("create_feature_group", outcome, **{k: v for k, v in given.items() if v is not None})


def refused(call: Call, outcome: Refused = INVALID) -> Call:
    return call._replace(outcome=outcome)


def record(**values: str | list[str]) -> list[dict[str, Any]]:
    return [
        {"FeatureName": name, ("ValueAsString" if isinstance(value, str) else "ValueAsStringList"):
         value}
        for name, value in values.items()
    ]  # fmt: skip


def put(name: str, outcome: Refused | dict[str, Any] = {}, **values: str) -> Call:  # noqa: B006
    return on("put_record", outcome, FeatureGroupName=name, Record=record(**values))


def get(name: str, outcome: Refused | dict[str, Any], identifier: str = "1", **more: Any) -> Call:
    key = {"FeatureGroupName": name, "RecordIdentifierValueAsString": identifier}
    return on("get_record", outcome, **key, **more)


def of_record(method: str, name: str, outcome: Refused | dict[str, Any], **more: Any) -> Call:
    key = {"FeatureGroupName": name, "RecordIdentifierValueAsString": "1"}
    return on(method, outcome, **key, **more)


def describe(name: str, outcome: Refused | dict[str, Any]) -> Call:
    return on("describe_feature_group", outcome, FeatureGroupName=name)


def change(name: str, outcome: Refused | dict[str, Any] | None = None, **more: Any) -> Call:
    done = {"FeatureGroupArn": f"{ARN}{name}"} if outcome is None else outcome
    return on("update_feature_group", done, FeatureGroupName=name, **more)


def tagging(method: str, name: str, outcome: Refused | dict[str, Any], **more: Any) -> Call:
    return on(method, outcome, ResourceArn=f"{ARN}{name}", **more)


def said_of(method: str, outcome: Refused | dict[str, Any], **more: Any) -> Call:
    return on(method, outcome, FeatureGroupName="said", **{"FeatureName": "note", **more})


def searched(resource: str, outcome: Refused | dict[str, Any], *filters: Any, **more: Any) -> Call:
    names = ("Name", "Operator", "Value")
    expression = {"Filters": [dict(zip(names, one, strict=False)) for one in filters]}
    return on("search", outcome, Resource=resource, SearchExpression=expression, **more)


def found(*names: str) -> dict[str, Any]:
    return {"Results": [{"FeatureGroup": {"FeatureGroupName": name}} for name in names]}


GROUPS = [
    create("life", OfflineStoreConfig=OFFLINE, RoleArn=ROLE, Description="d",
           Tags=[{"Key": "team", "Value": "a"}]),
    refused(create("life"), Refused("ResourceInUse", 400, "already exists")),
    describe("life", {
        "FeatureGroupArn": f"{ARN}life", "FeatureGroupName": "life", "Description": "d",
        "RecordIdentifierFeatureName": "id", "EventTimeFeatureName": "time", "RoleArn": ROLE,
        "FeatureDefinitions": FEATURES, "CreationTime": PRESENT, "FeatureGroupStatus": "Created",
        "OnlineStoreConfig": {"EnableOnlineStore": True, "StorageType": ABSENT},
        "OfflineStoreConfig": {
            "S3StorageConfig": {"S3Uri": "s3://lake/features", "ResolvedOutputS3Uri": PRESENT},
            "DisableGlueTableCreation": False, "TableFormat": "Glue",
            "DataCatalogConfig": {"Catalog": "AwsDataCatalog", "TableName": PRESENT,
                                  "Database": "sagemaker_featurestore"}},
        "OfflineStoreStatus": {"Status": "Active"}, "ThroughputConfig": {
            "ThroughputMode": "OnDemand"},
        "LastModifiedTime": ABSENT, "LastUpdateStatus": ABSENT, "FailureReason": ABSENT}),
    describe(f"{ARN}life", {"FeatureGroupName": "life"}),
    on("list_feature_groups", {"FeatureGroupSummaries": [
        {"FeatureGroupName": "life", "FeatureGroupArn": f"{ARN}life", "CreationTime": PRESENT,
         "FeatureGroupStatus": "Created", "OfflineStoreStatus": {"Status": "Active"}}],
        "NextToken": ABSENT}, NameContains="lif"),
    on("list_feature_groups", {"FeatureGroupSummaries": []}, NameContains="no-such-name"),
    on("list_feature_groups", INVALID, NextToken="made up"),
    on("list_feature_groups", INVALID, MaxResults=101),
    on("list_feature_groups", Refused("ValidationException", 400, "enum value set"), SortBy="Size"),
    change("life", FeatureAdditions=[feature("added", "Fractional")]),
    describe("life", {"FeatureDefinitions": [*FEATURES, feature("added", "Fractional")],
                      "LastModifiedTime": PRESENT, "LastUpdateStatus": {"Status": "Successful"}}),
    change("life", INVALID, FeatureAdditions=[feature("added")]),
    change("life", INVALID),
    change("nowhere", UNKNOWN, FeatureAdditions=[feature("x")]),
    change("life", ThroughputConfig={"ThroughputMode": "Provisioned",
           "ProvisionedReadCapacityUnits": 1, "ProvisionedWriteCapacityUnits": 2}),
    describe("life", {"ThroughputConfig": {"ThroughputMode": "Provisioned",
             "ProvisionedReadCapacityUnits": 1, "ProvisionedWriteCapacityUnits": 2}}),
    describe("nowhere", UNKNOWN),
    on("delete_feature_group", INVALID, FeatureGroupName=f"{ARN}life"),
    on("delete_feature_group", {}, FeatureGroupName="life"),
    describe("life", UNKNOWN),
    on("delete_feature_group", UNKNOWN, FeatureGroupName="life"),
    create("life"),
    describe("life", {"OfflineStoreConfig": ABSENT, "Description": ABSENT, "RoleArn": ABSENT,
                      "FeatureDefinitions": FEATURES}),
]  # fmt: skip
BAD_GROUPS = [
    refused(create("-bad-")),
    refused(create("b" * 65)),
    refused(create("bad", RecordIdentifierFeatureName="missing")),
    refused(create("bad", EventTimeFeatureName="whole")),
    refused(create("bad", FeatureDefinitions=[*FEATURES, feature("is_deleted")])),
    refused(create("bad", FeatureDefinitions=[*FEATURES, feature("id")])),
    refused(create("bad", FeatureDefinitions=[*FEATURES, feature("x", "Boolean")])),
    refused(create("bad", OnlineStoreConfig=None)),
    refused(create("bad", OfflineStoreConfig=OFFLINE)),
    refused(create("bad", Tags=[{"Key": "aws:reserved", "Value": ""}])),
    refused(create("bad", FeatureDefinitions=[*FEATURES, feature("x", CollectionType="List")])),
    describe("bad", UNKNOWN),
]
TAGS = [
    create("tagged", Tags=[{"Key": "team", "Value": "a"}]),
    tagging("list_tags", "tagged", {"Tags": [{"Key": "team", "Value": "a"}], "NextToken": ABSENT}),
    tagging("add_tags", "tagged", {"Tags": PRESENT}, Tags=[{"Key": "team", "Value": "b"},
                                                          {"Key": "stage", "Value": "test"}]),
    tagging("list_tags", "tagged", {"Tags": [{"Key": "team", "Value": "b"},
                                            {"Key": "stage", "Value": "test"}]}),
    tagging("delete_tags", "tagged", {}, TagKeys=["stage", "no-such-key"]),
    tagging("list_tags", "tagged", {"Tags": [{"Key": "team", "Value": "b"}]}, MaxResults=50),
    tagging("add_tags", "tagged", INVALID, Tags=[{"Key": "aws:x", "Value": ""}]),
    tagging("add_tags", "tagged", INVALID, Tags=[{"Key": f"k{n}", "Value": ""} for n in range(51)]),
    tagging("list_tags", "nowhere", INVALID),
]  # fmt: skip
METADATA = [
    create("said"),
    said_of("describe_feature_metadata", {
        "FeatureGroupArn": f"{ARN}said", "FeatureName": "note", "FeatureType": "String",
        "CreationTime": PRESENT, "LastModifiedTime": PRESENT, "Description": ABSENT}),
    said_of("update_feature_metadata", {}, Description="of the clerk",
            ParameterAdditions=[{"Key": "pii", "Value": "yes"}, {"Key": "team", "Value": "a"}]),
    said_of("update_feature_metadata", {}, ParameterRemovals=["team"], ParameterAdditions=[]),
    said_of("describe_feature_metadata", {
        "Description": "of the clerk", "Parameters": [{"Key": "pii", "Value": "yes"}]}),
    said_of("update_feature_metadata", INVALID, Description="x" * 256),
    said_of("update_feature_metadata", UNKNOWN, FeatureName="missing"),
    said_of("describe_feature_metadata", UNKNOWN, FeatureName="missing"),
]  # fmt: skip
RECORDS = [
    create("rows", OfflineStoreConfig=OFFLINE, RoleArn=ROLE),
    get("rows", {"Record": ABSENT, "ExpiresAt": ABSENT}),
    put("rows", id="1", time=NOON, whole="007", note=""),
    get("rows", {"Record": record(id="1", time=NOON, whole="007", note="")}),
    get("rows", {"Record": record(whole="007")}, FeatureNames=["whole"]),
    get(f"{ARN}rows", {"Record": PRESENT}),
    put("rows", id="1", time=EARLIER, note="late"),
    get("rows", {"Record": record(id="1", time=NOON, whole="007", note="")}),
    put("rows", id="1", time=LATER, note="whole record"),
    get("rows", {"Record": record(id="1", time=LATER, note="whole record")}),
    on("put_record", {}, FeatureGroupName="rows", Record=record(id="2", time=NOON),
       TargetStores=["OfflineStore"]),
    get("rows", {"Record": ABSENT}, "2"),
    of_record("delete_record", "rows", {}, EventTime=EARLIER),
    get("rows", {"Record": record(id="1", time=LATER, note="whole record")}),
    of_record("delete_record", "rows", INVALID_RECORD, EventTime=LATER, DeletionMode="HardDelete"),
    of_record("delete_record", "rows", {}, EventTime="2130-01-02T00:00:00Z"),
    get("rows", {"Record": ABSENT}),
    on("list_records", {"RecordIdentifiers": [], "NextToken": ABSENT}, FeatureGroupName="rows"),
    on("list_records", {"RecordIdentifiers": ["1"]}, FeatureGroupName="rows",
       IncludeSoftDeletedRecords=True),
    put("rows", id="1", time=LATER),
    get("rows", {"Record": ABSENT}),
    of_record("delete_record", "rows", {}, EventTime="2130-01-03T00:00:00Z",
              DeletionMode="HardDelete"),
    on("list_records", {"RecordIdentifiers": []}, FeatureGroupName="rows",
       IncludeSoftDeletedRecords=True),
    on("batch_write_record", {"Errors": [
        {"ErrorCode": "ValidationError", "ErrorMessage": PRESENT, "Entry": {
            "FeatureGroupName": "rows", "Record": record(id="4", time="soon")}}],
        "UnprocessedEntries": []}, Entries=[
            {"FeatureGroupName": "rows", "Record": record(id="3", time=NOON)},
            {"FeatureGroupName": "rows", "Record": record(id="4", time="soon")}]),
    on("batch_get_record", {"Records": [{"FeatureGroupName": "rows", "ExpiresAt": ABSENT,
        "RecordIdentifierValueAsString": "3", "Record": record(id="3", time=NOON)}],
        "Errors": [{"FeatureGroupName": "nowhere", "ErrorCode": "ResourceNotFound",
                    "RecordIdentifierValueAsString": "1", "ErrorMessage": PRESENT}],
        "UnprocessedIdentifiers": []}, Identifiers=[
            {"FeatureGroupName": "rows", "RecordIdentifiersValueAsString": ["3", "4"]},
            {"FeatureGroupName": "nowhere", "RecordIdentifiersValueAsString": ["1"]}]),
]  # fmt: skip
BAD_RECORDS = [
    create("strict"),
    put("nowhere", Refused("ValidationError", 400, "Resource Not Found"), id="1", time=NOON),
    get("nowhere", UNKNOWN_TO_READERS),
    on("list_records", UNKNOWN_TO_READERS, FeatureGroupName="nowhere"),
    put("strict", INVALID_RECORD, time=NOON),
    put("strict", INVALID_RECORD, id="1"),
    put("strict", INVALID_RECORD, id="1", time="yesterday"),
    put("strict", INVALID_RECORD, id="1", time=NOON, whole="1.5"),
    put("strict", INVALID_RECORD, id="1", time=NOON, colour="red"),
    put("strict", INVALID_RECORD, id="1", time=NOON, note="x" * 358_400),
    on("put_record", INVALID_RECORD, FeatureGroupName="strict", TargetStores=["OfflineStore"],
       Record=record(id="1", time=NOON)),
    get("strict", INVALID_RECORD, FeatureNames=["colour"]),
    on("batch_get_record", INVALID_RECORD, Identifiers=[{"FeatureGroupName": "strict",
       "RecordIdentifiersValueAsString": [str(number) for number in range(101)]}]),
    on("batch_write_record", INVALID_RECORD, Entries=[
        {"FeatureGroupName": "strict", "Record": record(id="1", time=NOON)}] * 26),
    of_record("update_record", "strict", INVALID_RECORD, Features=record(note="x")),
    get("strict", {"Record": ABSENT}),
    create("offline-only", OnlineStoreConfig=None, OfflineStoreConfig=OFFLINE, RoleArn=ROLE),
    put("offline-only", id="1", time=NOON),
    get("offline-only", INVALID_RECORD),
]  # fmt: skip
UPDATES = [
    create("partial", OnlineStoreConfig={"EnableOnlineStore": True, "StorageType": "Standard"}),
    put("partial", id="1", time=NOON, whole="1", note="x"),
    of_record("update_record", "partial", INVALID_RECORD, Features=record(note="y")),
    change("partial", OnlineStoreConfig={"StorageType": "Standard_V2"}),
    describe("partial", {"OnlineStoreConfig": {"StorageType": "Standard_V2"}}),
    of_record("update_record", "partial", {}, Features=record(note="y")),
    get("partial", {"Record": record(id="1", time=NOON, whole="1", note="y")}),
    of_record("update_record", "partial", {}, Features=record(time=NOON, whole="2")),
    of_record("update_record", "partial", Refused("ConflictException", 409),
              Features=record(time=EARLIER, whole="3")),
    of_record("update_record", "partial", INVALID_RECORD, Features=record(note="z"),
              TtlDuration=DAY),
    of_record("update_record", "partial", INVALID_RECORD, Features=record(id="2")),
    of_record("update_record", "partial", INVALID_RECORD, Features=record(colour="red")),
    get("partial", {"Record": record(id="1", time=NOON, whole="2", note="y")}),
    of_record("delete_record", "partial", {}, EventTime=LATER),
    of_record("update_record", "partial", UNKNOWN_TO_READERS, Features=record(note="z")),
    change("partial", INVALID, OnlineStoreConfig={"StorageType": "Standard"}),
]  # fmt: skip
EXPIRES = {"ExpirationTimeResponse": "Enabled"}
EXPIRY = [
    create("short", OnlineStoreConfig={"EnableOnlineStore": True, "TtlDuration": DAY}),
    put("short", id="1", time=NOON),
    get("short", {"Record": PRESENT, "ExpiresAt": "2130-01-02T12:00:00Z"}, **EXPIRES),
    on("put_record", {}, FeatureGroupName="short", Record=record(id="2", time=NOON),
       TtlDuration={"Unit": "Hours", "Value": 2}),
    get("short", {"ExpiresAt": "2130-01-01T14:00:00Z"}, "2", **EXPIRES),
    put("short", id="3", time="2020-01-01T00:00:00Z"),
    get("short", {"Record": ABSENT}, "3"),
    change("short", OnlineStoreConfig={"TtlDuration": {"Unit": "Weeks", "Value": 1}}),
    get("short", {"ExpiresAt": "2130-01-02T12:00:00Z"}, **EXPIRES),
    put("short", id="4", time=NOON),
    get("short", {"ExpiresAt": "2130-01-08T12:00:00Z"}, "4", **EXPIRES),
    change("short", OnlineStoreConfig={"TtlDuration": {}}),
    describe("short", {"OnlineStoreConfig": {"TtlDuration": ABSENT}}),
    put("short", id="5", time=NOON),
    get("short", {"Record": PRESENT, "ExpiresAt": ABSENT}, "5", **EXPIRES),
    change("short", INVALID, OnlineStoreConfig={"TtlDuration": {"Unit": "Days"}}),
]  # fmt: skip
COLLECTIONS = [
    create("many", OnlineStoreConfig={"EnableOnlineStore": True, "StorageType": "InMemory"},
           FeatureDefinitions=[
               *FEATURES, feature("list", CollectionType="List"), feature("v", "Fractional",
               CollectionType="Vector", CollectionConfig={"VectorConfig": {"Dimension": 2}})]),
    on("put_record", {}, FeatureGroupName="many",
       Record=record(id="1", time=NOON, list=["a", "a"], v=["0.5", "1"])),
    get("many", {"Record": record(id="1", time=NOON, list=["a", "a"], v=["0.5", "1"])}),
    on("put_record", INVALID_RECORD, FeatureGroupName="many",
       Record=record(id="1", time=LATER, v=["0.5"])),
    of_record("update_record", "many", {}, Features=record(list=[])),
    get("many", {"Record": record(id="1", time=NOON, list=[], v=["0.5", "1"])}),
    refused(create("bad", OfflineStoreConfig=OFFLINE, RoleArn=ROLE,
            OnlineStoreConfig={"EnableOnlineStore": True, "StorageType": "InMemory"})),
]  # fmt: skip
SEARCH = [
    create("find-a", Tags=[{"Key": "team", "Value": "search"}], Description="the first"),
    create("find-b", OfflineStoreConfig=OFFLINE, RoleArn=ROLE),
    searched("FeatureGroup", found("find-a"), ("Tags.team", "Equals", "search")),
    searched("FeatureGroup", {**found("find-b", "find-a"), "TotalHits": {
        "Value": 2, "Relation": "EqualTo"}, "NextToken": ABSENT},
        ("FeatureGroupName", "Contains", "find-"), SortBy="CreationTime"),
    searched("FeatureGroup", found("find-b"), ("FeatureGroupName", "Contains", "find-"),
             ("OfflineStoreConfig.S3StorageConfig.S3Uri", "Exists")),
    searched("FeatureGroup", found("find-a"), ("Description", "Equals", "the first")),
    searched("FeatureGroup", found(), ("FeatureGroupName", "Equals", "no-such-name")),
    on("update_feature_metadata", {}, FeatureGroupName="find-a", FeatureName="note",
       Description="sought", ParameterAdditions=[{"Key": "source", "Value": "till"}]),
    searched("FeatureMetadata", {"Results": [{"FeatureMetadata": {
        "FeatureGroupName": "find-a", "FeatureName": "note", "Description": "sought",
        "Parameters": [{"Key": "source", "Value": "till"}]}}]},
        ("AllParameters", "Contains", "till")),
    on("get_search_suggestions",
       {"PropertyNameSuggestions": [{"PropertyName": "EventTimeFeatureName"}]},
       Resource="FeatureGroup",
       SuggestionQuery={"PropertyNameQuery": {"PropertyNameHint": "EventTime"}}),
    searched("FeatureGroups", INVALID, ("FeatureGroupName", "Exists")),
    on("search", INVALID, Resource="FeatureGroup", NextToken="made up"),
]  # fmt: skip

SCENES: dict[str, Sequence[Call]] = {
    "feature groups": GROUPS,
    "bad feature groups": BAD_GROUPS,
    "tags": TAGS,
    "feature metadata": METADATA,
    "records": RECORDS,
    "bad records": BAD_RECORDS,
    "partial updates": UPDATES,
    "time to live": EXPIRY,
    "collections": COLLECTIONS,
    "search": SEARCH,
}

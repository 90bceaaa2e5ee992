"""Our tables and shapes against botocore's service models: every difference is listed here."""

import re
from collections.abc import Awaitable
from typing import Any, get_args, get_origin, get_type_hints
from unittest.mock import Mock

import msgspec
import pytest
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from msgspec import inspect

from tandem.model.definition import NAME
from tandem.wire.arns import _NAME_OR_ARN
from tandem.wire.error_table import ERROR_TABLE, Dialect
from tandem.wire.operation import Operation, Service
from tandem.wire.router import Router
from tandem.wire.shapes.patterns import pattern_of

from .bench import (
    ACCOUNT,
    ATHENA,
    GLUE,
    IAM,
    RUNTIME,
    SAGEMAKER,
    STS,
    pattern_in_python,
    service_model,
)

SAGEMAKER_NOT_YET = {
    *(f"{verb}Artifact" for verb in ("Create", "Describe", "Update", "Delete")),
    *(f"{verb}Context" for verb in ("Create", "Describe", "Update", "Delete")),
    *(f"{verb}Action" for verb in ("Create", "Describe", "Update", "Delete")),
    *("AddAssociation", "DeleteAssociation", "ListAssociations"),
    *("ListArtifacts", "ListContexts", "ListActions"),
    *("QueryLineage", "DescribeLineageGroup", "ListLineageGroups", "GetLineageGroupPolicy"),
}
OF_FEATURE_STORE = re.compile(
    r"Feature(Group|Metadata)|Tags$|^Search$|^GetSearchSuggestions$|Association|Artifact|Lineage"
    r"|^(Create|Describe|Update|Delete|List)(Context|Action)s?$"
)
OF_IAM = re.compile(r"Role(Description|Polic(y|ies)|PermissionsBoundary|Tags)?s?$|^ListInstance")
IAM_LEFT_OUT = {
    # Roles here belong to no service, no template and no machine.
    "AcquireRole",
    "CreateServiceLinkedRole",
    "DeleteServiceLinkedRole",
    "ListInstanceProfiles",
    "ListInstanceProfileTags",
}
ROLES_LEFT_OUT = [
    # Roles are not used here, and are made from no template.
    f"{place}.{member} missing"
    for place in (
        *("CreateRole.Role", "GetRole.Role", "ListRoles.Roles[]", "UpdateRoleDescription.Role"),
        "ListInstanceProfilesForRole.InstanceProfiles[].Roles[]",
    )
    for member in ("RoleLastUsed", "SourceRoleTemplate")
]
OUTPUT_NOT_YET = {
    # The size of an online store is not counted, and the real service leaves NextToken out.
    "DescribeFeatureGroup.OnlineStoreTotalSizeBytes",
    "DescribeFeatureGroup.NextToken",
    "DescribeFeatureGroup.OfflineStoreStatus.BlockedReason",
    "DescribeFeatureGroup.LastUpdateStatus.FailureReason",
    "ListFeatureGroups.FeatureGroupSummaries[].OfflineStoreStatus.BlockedReason",
    "Search.Results[].FeatureGroup.OfflineStoreStatus.BlockedReason",
    "Search.Results[].FeatureGroup.LastUpdateStatus.FailureReason",
}
OUTPUT_OF_OUR_OWN = {
    # Clients pass over it; the library would not know otherwise what it has found.
    "Search.Results[].FeatureGroup.ThroughputConfig unknown",
}
OF_OTHER_IDENTITIES = {
    # What stands in the token of a web identity, which is not looked into.
    *("SubjectFromWebIdentityToken", "Provider", "Audience", "SourceIdentity"),
}
STS_LEFT_OUT = {
    # Of identities that do not exist here, and of requests that are all allowed.
    *("AssumeRoleWithSAML", "AssumeRoot", "DecodeAuthorizationMessage"),
    *("GetDelegatedAccessToken", "GetFederationToken", "GetWebIdentityToken"),
}
ATHENA_LEFT_OUT = re.compile(
    # Spark's notebooks and sessions, other catalogs than Glue's, and what is bought by the hour.
    r"Notebook|Calculation|Session|Capacity|Executor|DPUSizes|^(Create|Update|Delete)DataCatalog$"
    r"|SystemTable|ResourceDashboard"
)
ATHENA_MEMBERS_LEFT_OUT = re.compile(
    # What belongs to Spark, to other catalogs, to Identity Center, or to results that Athena keeps.
    r"\.(EngineConfiguration|ManagedQueryResultsConfiguration(Updates)?"
    r"|QueryResultsS3AccessGrantsConfiguration|AdditionalConfiguration|ExecutionRole"
    r"|MonitoringConfiguration|CustomerContentEncryptionConfiguration"
    r"|RemoveCustomerContentEncryptionConfiguration|EnableMinimumEncryptionConfiguration"
    r"|IdentityCenterConfiguration|IdentityCenterApplicationArn|SystemTableStatuses|DpuCount"
    r"|OutputStage|InputRows|ResultReuseConfiguration|ConnectionType|Error|Status) missing$"
)
OF_THE_CATALOG = re.compile(
    r"^(Batch)?(Create|Get|Update|Delete|Search)(Database|Table|Partition)(s|Versions?)?$"
    r"|^(GetTags|TagResource|UntagResource)$"
)
GLUE_LEFT_OUT = {
    # The deletion of versions, which go by themselves.
    *("DeleteTableVersion", "BatchDeleteTableVersion"),
    "BatchUpdatePartition",
}
GLUE_MEMBERS_LEFT_OUT = {
    # Federation, governed views, row filters, and what AWS tells of work under way.
    "Database": {"FederatedDatabase"},
    "Table": {
        "FederatedTable",
        "ViewDefinition",
        "IsMultiDialectView",
        "IsMaterializedView",
        "IcebergTableMetadata",
        "Status",
        "RLSProperties",
    },
}
GLUE_ERRORS_LEFT_OUT = {
    # Nothing is encrypted by another service, federated, or gone on with later; what fails for
    # reasons of ours is ServiceUnavailable or InternalFailure, as everywhere.
    "InvalidInputException",
    "InternalServiceException",
    "OperationTimeoutException",
    "GlueEncryptionException",
    "FederatedResourceAlreadyExistsException",
    "FederationSourceException",
    "FederationSourceRetryableException",
    "ResourceNotReadyException",
    "InvalidStateException",
}
POLICY = ("AttachedPolicies[].PolicyName", "AttachedPolicies[].PolicyArn")
ERRORS_OF_ANY = {"ValidationError", "InternalFailure", "ServiceUnavailable", "AccessForbidden"}
BOUNDS_OF_OUR_OWN = {
    # A timestamp has no bounds in the model; ours are those of the calendar.
    *(
        f"{place}.{member}"
        for place in (
            *("CreateTable.TableInput", "UpdateTable.TableInput"),
            *("CreatePartition.PartitionInput", "UpdatePartition.PartitionInput"),
            "BatchCreatePartition.PartitionInputList[]",
        )
        for member in ("LastAccessTime", "LastAnalyzedTime")
    ),
    *(f"{name}.QueryAsOfTime" for name in ("GetTable", "GetTables", "GetPartitions")),
    "BatchGetPartition.QuerySessionContext.QueryStartTime",
    "ListFeatureGroups.CreationTimeAfter",
    "ListFeatureGroups.CreationTimeBefore",
}

_router = Router(Mock(groups=Mock(account=ACCOUNT)))
SERVICES: dict[str, Service] = {service.name: service for service in _router.services}
CASES = [
    pytest.param(name, operation, id=f"{name}.{operation.name}")
    for name, service in SERVICES.items()
    for operation in service.operations
]


def model_of(service: str, operation: Operation[Any]) -> OperationModel:
    return service_model(service).operation_model(operation.name)


def test_runtime_has_every_operation() -> None:
    ours = {operation.name for operation in SERVICES[RUNTIME].operations}
    assert ours == set(service_model(RUNTIME).operation_names)


def test_sagemaker_lacks_only_what_is_listed() -> None:
    ours = {operation.name for operation in SERVICES[SAGEMAKER].operations}
    names = service_model(SAGEMAKER).operation_names
    wanted = {name for name in names if OF_FEATURE_STORE.search(name)}
    assert not ours & SAGEMAKER_NOT_YET
    assert ours | SAGEMAKER_NOT_YET == wanted


def test_iam_has_every_operation_on_roles() -> None:
    ours = {operation.name for operation in SERVICES[IAM].operations}
    wanted = {name for name in service_model(IAM).operation_names if OF_IAM.search(name)}
    assert wanted >= IAM_LEFT_OUT
    assert ours == wanted - IAM_LEFT_OUT


def test_sts_lacks_only_what_is_listed() -> None:
    ours = {operation.name for operation in SERVICES[STS].operations}
    assert ours == set(service_model(STS).operation_names) - STS_LEFT_OUT


def test_athena_lacks_only_what_is_listed() -> None:
    ours = {operation.name for operation in SERVICES[ATHENA].operations}
    names = service_model(ATHENA).operation_names
    assert ours == {name for name in names if not ATHENA_LEFT_OUT.search(name)}


def test_glue_has_every_operation_on_the_catalog() -> None:
    ours = {operation.name for operation in SERVICES[GLUE].operations}
    wanted = {name for name in service_model(GLUE).operation_names if OF_THE_CATALOG.search(name)}
    assert wanted >= GLUE_LEFT_OUT
    assert ours == wanted - GLUE_LEFT_OUT


@pytest.mark.parametrize(("service", "operation"), CASES)
def test_method_path_and_target(service: str, operation: Operation[Any]) -> None:
    model = model_of(service, operation)
    assert operation.method == model.http["method"]
    assert operation.path == model.http["requestUri"]
    assert SERVICES[service].prefix == model.service_model.metadata.get("targetPrefix", "")
    if SERVICES[service].dialect is Dialect.QUERY:
        assert SERVICES[service].namespace == model.service_model.metadata["xmlNamespace"]


@pytest.mark.parametrize(("service", "operation"), CASES)
def test_request_members(service: str, operation: Operation[Any]) -> None:
    model = model_of(service, operation)
    if model.input_shape is None:
        assert not operation.request.__struct_fields__
        return
    located: dict[str, dict[str, str]] = {"uri": {}, "querystring": {}}
    for name, shape in model.input_shape.members.items():
        if location := shape.serialization.get("location"):
            located[location][name] = shape.serialization["name"]
    assert operation.query == located["querystring"]
    labels = set(re.findall(r"\{(\w+)\}", operation.path))
    assert labels == set(located["uri"])
    differences = list(
        _differences(operation.name, model.input_shape, inspect.type_info(operation.request))
    )
    unbound = [f"{operation.name}.{label} required" for label in labels if not operation.query]
    if service == ATHENA:
        differences = [one for one in differences if not ATHENA_MEMBERS_LEFT_OUT.search(one)]
    assert sorted(differences) == sorted(unbound)


@pytest.mark.parametrize(("service", "operation"), CASES)
def test_answer_members(service: str, operation: Operation[Any]) -> None:
    model = model_of(service, operation)
    answer = get_type_hints(operation.perform)["return"]
    if get_origin(answer) is Awaitable:  # of an operation that begins at once and waits at the end
        (answer,) = get_args(answer)
    if model.output_shape is None or not model.output_shape.members:
        # Athena answers {} where there is nothing to say.
        assert answer in (None, type(None)) or not answer.__struct_fields__
        return
    differences = set(_differences(operation.name, model.output_shape, inspect.type_info(answer)))
    if service == ATHENA:
        differences = {one for one in differences if not ATHENA_MEMBERS_LEFT_OUT.search(one)}
    bounds = {one for one in differences if one.endswith((" min", " max"))}
    optional_here = {
        "DescribeFeatureGroup.ThroughputConfig required",
        "DescribeFeatureGroup.FeatureGroupStatus required",
        "ListFeatureGroups.FeatureGroupSummaries[].FeatureGroupStatus required",
        *("AddTags.Tags required", "ListTags.Tags required"),
    }
    missing = {f"{path} missing" for path in OUTPUT_NOT_YET}
    missing |= {path for path in differences if _is_of_another_resource(path)}
    known = missing | optional_here | {"DescribeFeatureGroup.NextToken required"}
    known |= OUTPUT_OF_OUR_OWN
    if service == IAM:
        # What is always there though the model does not require it.
        always = ("IsTruncated", "Role", "AttachedPolicies", *POLICY)
        known |= {f"{operation.name}.{member} required" for member in always}
        known |= set(ROLES_LEFT_OUT)
    if service == STS:
        # The model requires nothing; most are always there.
        known |= {f"{operation.name}.{name} required" for name in model.output_shape.members}
        known |= {f"{operation.name}.{name} missing" for name in OF_OTHER_IDENTITIES}
    if service == GLUE:
        known |= {one for one in differences if _is_left_out_of_glue(one)}
    assert differences - bounds <= known
    assert {one for one in missing if one.startswith(f"{operation.name}.")} <= differences


def _is_of_another_resource(difference: str) -> bool:
    """Results of searches that are refused here, since they are not of a feature store."""
    found = re.fullmatch(r"Search\.Results\[\]\.(\w+) missing", difference)
    return found is not None and found[1] not in ("FeatureGroup", "FeatureMetadata")


def _is_left_out_of_glue(difference: str) -> bool:
    found = re.search(r"\.(Database|Table)(List\[\])?\.(\w+) missing$", difference)
    return found is not None and found[3] in GLUE_MEMBERS_LEFT_OUT[found[1]]


@pytest.mark.parametrize(("service", "operation"), CASES)
def test_errors(service: str, operation: Operation[Any]) -> None:
    dialect = SERVICES[service].dialect
    ours = {ERROR_TABLE[dialect][kind].code for kind in operation.errors}
    modelled = {shape.error_code for shape in model_of(service, operation).error_shapes}
    if dialect is Dialect.ATHENA:
        assert ours == modelled - {"InternalServerException", "InvalidRequestException"}
        return
    if dialect is Dialect.QUERY:
        assert ours <= modelled  # the others are about what no role here has
        return
    left_out = GLUE_ERRORS_LEFT_OUT if service == GLUE else ERRORS_OF_ANY
    assert ours == modelled - left_out


def test_runtime_error_statuses() -> None:
    shapes = {shape.error_code: shape for shape in service_model(RUNTIME).error_shapes}
    ours = {row.code: row.status for row in ERROR_TABLE[Dialect.RUNTIME].values()}
    assert set(shapes) <= set(ours)
    for code, shape in shapes.items():
        assert ours[code] == shape.metadata["error"]["httpStatusCode"], code


NAMES = ["a", "A0", "a-b", "a_b", "a-_-b", "-a", "_a", "a-", "a_", "", "a b", "é", "a.b", "a\n"]
NAMES += ["a" * 64, "a" * 65, "a" + "-" * 62 + "b", "a" + "-" * 63 + "b"]


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str) -> None:
    request = service_model(SAGEMAKER).operation_model("CreateFeatureGroup").input_shape
    for member in ("FeatureGroupName", "RecordIdentifierFeatureName"):
        assert bool(NAME.fullmatch(name)) == _fits(request.members[member], name)


ARN = "arn:aws:sagemaker:eu-west-1:123456789012:feature-group/"


@pytest.mark.parametrize(
    "text",
    [
        *(f"{ARN}{name}" for name in NAMES),
        *NAMES,
        ARN.replace("aws", "aws-cn") + "a",
        ARN.replace("1234", "123") + "a",
        ARN.replace("eu-west-1", "") + "a",
        "x" + ARN + "a",
    ],
)
def test_names_and_arns(text: str) -> None:
    request = service_model(RUNTIME).operation_model("GetRecord").input_shape
    shape = request.members["FeatureGroupName"]
    ours = len(text) <= shape.metadata["max"] and _NAME_OR_ARN.fullmatch(text) is not None
    fits = _fits(shape, text)
    # The model's pattern counts groups, not characters, so that hyphens could make a name longer.
    assert ours == (fits and len(text.rpartition("/")[2]) <= 64)


def _fits(shape: Shape, text: str) -> bool:
    limits = shape.metadata
    in_length = limits["min"] <= len(text) <= limits["max"]
    return in_length and re.fullmatch(limits["pattern"], text) is not None


def _differences(path: str, shape: Shape, kind: inspect.Type):
    """Where our type is not what the model says, as `path aspect`."""
    if isinstance(kind, inspect.UnionType):
        kind = next(one for one in kind.types if not isinstance(one, inspect.NoneType))
    if isinstance(kind, inspect.RawType):
        return  # bytes that are copied, or decoded by a decoder of their own
    if isinstance(shape, StructureShape):
        assert isinstance(kind, inspect.StructType), path
        yield from _structure_differences(path, shape, kind)
    elif isinstance(shape, ListShape):
        assert isinstance(kind, inspect.ListType), path
        yield from _bound_differences(path, shape, kind.min_length, kind.max_length)
        yield from _differences(f"{path}[]", shape.member, kind.item_type)
    elif isinstance(shape, MapShape):
        assert isinstance(kind, inspect.DictType), path
        yield from _bound_differences(path, shape, kind.min_length, kind.max_length)
        yield from _differences(f"{path}{{key}}", shape.key, kind.key_type)
        yield from _differences(f"{path}{{}}", shape.value, kind.value_type)
    elif shape.type_name == "string" and shape.enum:
        assert isinstance(kind, inspect.EnumType), path
        if {member.value for member in kind.cls} != set(shape.enum):
            yield f"{path} enum"
    elif shape.type_name == "string":
        assert isinstance(kind, inspect.StrType), path
        if kind.pattern and pattern_of(kind.pattern) != pattern_in_python(shape):
            yield f"{path} pattern"
        yield from _bound_differences(path, shape, kind.min_length, kind.max_length)
    elif shape.type_name == "map":
        assert isinstance(kind, inspect.DictType), path
        yield from _differences(f"{path}{{}}", shape.value, kind.value_type)
    elif shape.type_name in ("integer", "long"):
        assert isinstance(kind, inspect.IntType), path
        yield from _bound_differences(path, shape, kind.ge, kind.le)
    elif shape.type_name == "timestamp":
        if isinstance(kind, inspect.DateTimeType):
            return  # in answers in XML
        assert isinstance(kind, inspect.FloatType), path
        if path not in BOUNDS_OF_OUR_OWN:
            yield from _bound_differences(path, shape, kind.ge, kind.le)
    else:
        assert shape.type_name == "boolean", path
        assert isinstance(kind, inspect.BoolType), path


def _structure_differences(path: str, shape: StructureShape, kind: inspect.StructType):
    if path.count("SubExpressions") > 1:
        return  # an expression holds expressions; the second is like the first
    ours = {field.encode_name: field for field in kind.fields}
    for name in sorted(set(shape.members) ^ set(ours)):
        yield f"{path}.{name} {'missing' if name in shape.members else 'unknown'}"
    required = {name for name, field in ours.items() if field.required}
    for name in sorted(required ^ set(shape.required_members)):
        yield f"{path}.{name} required"
    for name in sorted(set(shape.members) & set(ours)):
        yield from _differences(f"{path}.{name}", shape.members[name], ours[name].type)


def _bound_differences(path: str, shape: Shape, low: Any, high: Any):
    """A limit of ours must be the model's. One that we leave out is checked by the domain, and
    `test_limits` goes beyond every one of the model's."""
    for aspect, limit in (("min", low), ("max", high)):
        if limit is not None and limit != shape.metadata.get(aspect):
            yield f"{path} {aspect}"


def test_entries_of_a_batch_are_decoded_as_the_model_says() -> None:
    from tandem.wire.featurestore_runtime import _entry_decoder

    request = service_model(RUNTIME).operation_model("BatchWriteRecord").input_shape
    kind = inspect.type_info(_entry_decoder._shape)
    shape = request.members["Entries"].member
    assert list(_differences("Entry", shape, kind)) == []


def test_shapes_leave_absent_members_out() -> None:
    shapes = {
        operation.request for service in SERVICES.values() for operation in service.operations
    }
    assert all(shape.__struct_config__.omit_defaults for shape in shapes)
    assert all(issubclass(shape, msgspec.Struct) for shape in shapes)

"""Search expressions read slowly and plainly, over documents as Search shows them.

Shares nothing with the evaluation it is compared with but the values that it is asked about. The
strategies draw from few words, so that filters find something.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from functools import cmp_to_key
from typing import Any

from hypothesis import strategies as st

from tandem.model.feature_group import (
    CollectionType,
    DataCatalog,
    FeatureDefinition,
    FeatureGroup,
    FeatureGroupStatus,
    FeatureMetadata,
    FeatureType,
    OfflineStoreConfig,
    OnlineStoreConfig,
    StorageType,
    TableFormat,
    ThroughputConfig,
    ThroughputMode,
)
from tandem.model.search import (
    BooleanOperator,
    Filter,
    NestedFilter,
    Operator,
    SearchExpression,
)
from tandem.model.time_to_live import TtlDuration, TtlUnit

START_US = 1_700_000_000_000_000
ARN = "arn:aws:sagemaker:us-east-1:000000000000:feature-group/"
WORDS = ["a", "ab", "b", "Ab", "ba c", "é", ""]
NUMBERS = ["0", "1", "2", "1.5", "2.0", "-1", "+1", "0002"]
TIMES = [
    "2023-11-14T22:13:20",
    "2023-11-14T22:13:20.000001Z",
    "2023-11-14T22:13:20.0000015Z",
    "2023-11-14T23:13:20+01:00",
    "1700000000",
    "1700000000.000002",
    "0000-01-01T00:00:00Z",
]
BOOLEANS = ["true", "false", "True", "FALSE"]

Document = Mapping[str, Any]


def group_document(group: FeatureGroup) -> dict[str, Any]:
    """A group's properties by name; what it lacks is left out. Times are microseconds."""
    features = [one for one in group.features if one.retired_at_us is None]
    document: dict[str, Any] = {
        "FeatureGroupName": group.name,
        "FeatureGroupArn": ARN + group.name,
        "FeatureGroupStatus": group.status.value,
        "CreationTime": group.created_at_us,
        "LastModifiedTime": group.modified_at_us,
        "Description": group.description,
        "RecordIdentifierFeatureName": group.record_identifier_name,
        "EventTimeFeatureName": group.event_time_name,
        "RoleArn": group.role_arn,
        "FailureReason": group.failure_reason,
        "ThroughputConfig.ThroughputMode": group.throughput.mode.value,
        "ThroughputConfig.ProvisionedReadCapacityUnits": group.throughput.read_units,
        "ThroughputConfig.ProvisionedWriteCapacityUnits": group.throughput.write_units,
        "AllTags": [text for pair in group.tags.items() for text in pair],
        "FeatureDefinitions": [one.name for one in features],
        "FeatureDefinitions.FeatureName": [one.name for one in features],
        "FeatureDefinitions.FeatureType": [one.type.value for one in features],
        "FeatureDefinitions.CollectionType": [
            one.collection.value for one in features if one.collection
        ],
    }
    for key, value in group.tags.items():
        document[f"Tags.{key}"] = value
    if group.modified_at_us > group.created_at_us and group.status.value == "Created":
        document["LastUpdateStatus"] = document["LastUpdateStatus.Status"] = "Successful"
    if group.online is not None:
        prefix = "OnlineStoreConfig."
        document[prefix + "EnableOnlineStore"] = group.online.enabled
        document[prefix + "StorageType"] = group.online.storage_type
        document[prefix + "SecurityConfig.KmsKeyId"] = group.online.kms_key_id
        if group.online.ttl is not None:
            document[prefix + "TtlDuration.Unit"] = group.online.ttl.unit.value
            document[prefix + "TtlDuration.Value"] = group.online.ttl.value
    if group.offline is not None:
        prefix = "OfflineStoreConfig."
        document["OfflineStoreStatus"] = document["OfflineStoreStatus.Status"] = "Active"
        document[prefix + "S3StorageConfig.S3Uri"] = group.offline.s3_uri
        document[prefix + "S3StorageConfig.ResolvedOutputS3Uri"] = group.offline.resolved_uri
        document[prefix + "S3StorageConfig.KmsKeyId"] = group.offline.kms_key_id
        document[prefix + "TableFormat"] = group.offline.table_format.value
        document[prefix + "DisableGlueTableCreation"] = group.offline.disable_glue_table_creation
        if group.offline.data_catalog is not None:
            catalog = group.offline.data_catalog
            document[prefix + "DataCatalogConfig.TableName"] = catalog.table
            document[prefix + "DataCatalogConfig.Database"] = catalog.database
            document[prefix + "DataCatalogConfig.Catalog"] = catalog.catalog
    document["nested"] = {"FeatureDefinitions": [_definition_document(one) for one in features]}
    return {name: value for name, value in document.items() if value is not None}


def feature_documents(group: FeatureGroup) -> list[dict[str, Any]]:
    return [_feature_document(group, one) for one in group.features if one.retired_at_us is None]


def _definition_document(feature: FeatureDefinition) -> dict[str, Any]:
    document = {
        "FeatureDefinitions.FeatureName": feature.name,
        "FeatureDefinitions.FeatureType": feature.type.value,
    }
    if feature.collection is not None:
        document["FeatureDefinitions.CollectionType"] = feature.collection.value
    return document


def _feature_document(group: FeatureGroup, feature: FeatureDefinition) -> dict[str, Any]:
    created = group.created_at_us if feature.added_at_us is None else feature.added_at_us
    said = group.metadata.get(feature.name)
    parameters = {} if said is None else said.parameters
    document: dict[str, Any] = {
        "FeatureGroupName": group.name,
        "FeatureGroupArn": ARN + group.name,
        "FeatureName": feature.name,
        "FeatureType": feature.type.value,
        "CreationTime": created,
        "LastModifiedTime": created if said is None else max(created, said.modified_at_us),
        "AllParameters": [text for pair in parameters.items() for text in pair],
        **{f"Parameters.{key}": value for key, value in parameters.items()},
    }
    if said is not None and said.description is not None:
        document["Description"] = said.description
    return document


def fits(document: Document, expression: SearchExpression | None) -> bool:
    if expression is None:
        return True
    answers = [
        *[_passes(document, one) for one in expression.filters],
        *[
            any(all(_passes(member, one) for one in nested.filters) for member in members)
            for nested in expression.nested_filters
            for members in [document["nested"][nested.name]]
        ],
        *[fits(document, one) for one in expression.sub_expressions],
    ]
    return all(answers) if expression.operator is BooleanOperator.AND else any(answers)


def _passes(document: Document, wanted: Filter) -> bool:
    found = document.get(wanted.name)
    values = found if isinstance(found, list) else [] if found is None else [found]
    operator, text = wanted.operator, wanted.value
    if operator is None:
        operator = Operator.EXISTS if text is None else Operator.EQUALS
    if operator is Operator.EXISTS:
        return bool(values)
    if operator is Operator.NOT_EXISTS:
        return not values
    assert text is not None
    if operator is Operator.NOT_EQUALS:
        return not any(_holds(Operator.EQUALS, value, wanted.name, text) for value in values)
    return any(_holds(operator, value, wanted.name, text) for value in values)


def _holds(operator: Operator, value: Any, name: str, text: str) -> bool:
    if operator is Operator.CONTAINS:
        return text in value
    if operator is Operator.IN:
        return value in [one.strip() for one in text.split(",") if one.strip()]
    if isinstance(value, bool):
        wanted: Any = {"true": True, "false": False}[text.lower()]
    elif name in ("CreationTime", "LastModifiedTime"):
        wanted = _microseconds(text)
    else:
        wanted = Fraction(text) if isinstance(value, int) else text
    if operator is Operator.EQUALS:
        return bool(value == wanted)
    if operator is Operator.GREATER_THAN:
        return bool(value > wanted)
    if operator is Operator.GREATER_THAN_OR_EQUAL_TO:
        return bool(value >= wanted)
    if operator is Operator.LESS_THAN:
        return bool(value < wanted)
    assert operator is Operator.LESS_THAN_OR_EQUAL_TO
    return bool(value <= wanted)


def _microseconds(text: str) -> Fraction:
    if "T" not in text:
        return Fraction(text) * 1_000_000
    if text.startswith("0000"):
        return Fraction(-62_167_219_200_000_000)
    whole, _, rest = text.removesuffix("Z").partition(".")
    moment = datetime.fromisoformat(whole)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return Fraction(int(aware.timestamp()) * 1_000_000) + Fraction(f"0.{rest or 0}") * 1_000_000


def in_order(
    documents: Sequence[Document], sort_by: str, *, descending: bool
) -> list[tuple[str, ...]]:
    """The names of what the documents show, in order: group, and feature where it is one."""

    def compare(one: Document, other: Document) -> int:
        value, other_value = one.get(sort_by), other.get(sort_by)
        if value != other_value:
            if value is None or other_value is None:
                return 1 if value is None else -1
            return (1 if value > other_value else -1) * (-1 if descending else 1)
        return 1 if names(one) > names(other) else -1

    return [names(one) for one in sorted(documents, key=cmp_to_key(compare))]


def names(document: Document) -> tuple[str, ...]:
    group, feature = document["FeatureGroupName"], document.get("FeatureName")
    return (group,) if feature is None else (group, feature)


_moments = st.integers(START_US - 1, START_US + 3)
_words = st.sampled_from(WORDS)
_labels = st.sampled_from(
    [{}, {"team": "a"}, {"team": "ab", "x.y": "b"}, {"a b": "Ab", "team": ""}, {"x.y": "team"}]
)
_features = st.builds(
    FeatureDefinition,
    name=st.sampled_from(["id", "time", "age", "aged", "Age", "spend"]),
    type=st.sampled_from(FeatureType),
    collection=st.sampled_from([None, *CollectionType]),
    added_at_us=st.sampled_from([None, START_US - 1, START_US + 2]),
    retired_at_us=st.sampled_from([None, None, START_US]),
)
_metadata = st.dictionaries(
    st.sampled_from(["id", "age", "spend"]),
    st.builds(
        FeatureMetadata,
        description=st.sampled_from([None, *WORDS]),
        parameters=_labels,
        modified_at_us=_moments,
    ),
    max_size=2,
)
_online = st.sampled_from(
    [
        None,
        OnlineStoreConfig(enabled=False, kms_key_id="ab"),
        OnlineStoreConfig(True, StorageType.STANDARD, TtlDuration(TtlUnit.DAYS, 1)),
        OnlineStoreConfig(True, StorageType.IN_MEMORY, TtlDuration(TtlUnit.WEEKS, 2), ""),
        OnlineStoreConfig(enabled=True),
    ]
)
_offline = st.sampled_from(
    [
        None,
        OfflineStoreConfig("ab", "ba c", data_catalog=DataCatalog("a", "b", "Ab")),
        OfflineStoreConfig("a", "ab", "é", TableFormat.ICEBERG, True),
        OfflineStoreConfig("Ab", "a", None, TableFormat.GLUE, True, DataCatalog("b", "ab", "a")),
    ]
)
_throughput = st.sampled_from(
    [
        ThroughputConfig(),
        ThroughputConfig(ThroughputMode.PROVISIONED, 1, 2),
        ThroughputConfig(ThroughputMode.PROVISIONED, 0, None),
    ]
)


@st.composite
def groups(draw: st.DrawFn) -> list[FeatureGroup]:
    """A few groups with names of their own, in any order."""
    drawn = draw(st.lists(st.sampled_from(["a", "ab", "A-b", "b", "c", "d"]), unique=True))
    return [draw(_group(name)) for name in drawn]


def _group(name: str) -> st.SearchStrategy[FeatureGroup]:
    return st.builds(
        FeatureGroup,
        name=st.just(name),
        group_id=st.just(f"{name}-1"),
        record_identifier_name=st.sampled_from(["id", "age"]),
        event_time_name=st.just("time"),
        features=st.lists(_features, max_size=4, unique_by=lambda one: one.name).map(tuple),
        created_at_us=_moments,
        modified_at_us=_moments,
        online=_online,
        offline=_offline,
        throughput=_throughput,
        role_arn=st.sampled_from([None, "ab"]),
        description=st.sampled_from([None, *WORDS]),
        tags=_labels,
        metadata=_metadata,
        status=st.sampled_from(FeatureGroupStatus),
        failure_reason=st.sampled_from([None, "a", "b"]),
    )


_TEXT_OPERATORS = [Operator.CONTAINS, Operator.IN]
_RANGE_OPERATORS = [
    Operator.GREATER_THAN,
    Operator.GREATER_THAN_OR_EQUAL_TO,
    Operator.LESS_THAN,
    Operator.LESS_THAN_OR_EQUAL_TO,
]
_ANY_OPERATORS = [None, Operator.EQUALS, Operator.NOT_EQUALS]
_NUMBERS = {
    "ThroughputConfig.ProvisionedReadCapacityUnits",
    "ThroughputConfig.ProvisionedWriteCapacityUnits",
    "OnlineStoreConfig.TtlDuration.Value",
}
_TIMES = {"CreationTime", "LastModifiedTime"}
_BOOLEANS = {
    "OnlineStoreConfig.EnableOnlineStore",
    "OfflineStoreConfig.DisableGlueTableCreation",
}
_texts = st.sampled_from(
    [word for word in WORDS if word]
    + ["Created", "Successful", "Active", "Integral", "String", "List", "Glue", "OnDemand"]
    + ["age", "team", "x.y", "Days", "Standard", "a,b", " ab ,Ab", "id, age,", ARN + "a"]
)


def _filters(property_names: Sequence[str]) -> st.SearchStrategy[Filter]:
    return st.sampled_from(property_names).flatmap(_filter)


def _filter(name: str) -> st.SearchStrategy[Filter]:
    operators = _ANY_OPERATORS + (_RANGE_OPERATORS if name in _NUMBERS | _TIMES else [])
    values = _texts
    if name in _NUMBERS:
        values = st.sampled_from(NUMBERS)
    elif name in _TIMES:
        values = st.sampled_from(TIMES)
    elif name in _BOOLEANS:
        values = st.sampled_from(BOOLEANS)
    else:
        operators = operators + _TEXT_OPERATORS
    asked = st.builds(Filter, st.just(name), st.sampled_from(operators), values)
    existing = st.sampled_from([None, Operator.EXISTS, Operator.NOT_EXISTS])
    return asked | st.builds(Filter, st.just(name), existing)


def expressions(
    property_names: Sequence[str], nested: Mapping[str, Sequence[str]]
) -> st.SearchStrategy[SearchExpression]:
    """Expressions over these properties, and over those of the members of lists.

    Of three depths at most, and so few parts at each that there are never more than allowed.
    """
    kinds = [
        st.builds(
            NestedFilter,
            st.just(name),
            st.lists(_filters(members), min_size=1, max_size=2).map(tuple),
        )
        for name, members in nested.items()
    ]
    nested_filters = st.lists(st.one_of(kinds), max_size=2).map(tuple) if kinds else st.just(())

    def around(sub_expressions: st.SearchStrategy[Any], filters_min: int) -> st.SearchStrategy[Any]:
        filters = st.lists(_filters(property_names), min_size=filters_min, max_size=3)
        return st.builds(
            SearchExpression,
            filters=filters.map(tuple),
            nested_filters=nested_filters,
            sub_expressions=sub_expressions,
            operator=st.sampled_from(BooleanOperator),
        )

    flat = around(st.just(()), 1)  # 3 filters and 2 nested ones with 2 each: 9 parts
    holding = around(st.lists(flat, min_size=1, max_size=2).map(tuple), 0)  # 9 + 2 * 10
    return flat | holding | around(st.tuples(holding), 0)  # 9 + 1 + 29

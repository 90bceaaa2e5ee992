"""The rules that a new feature group's definition must meet. Pure checks; raises ValidationError.

What is refused here is refused by AWS too, with two additions: names that differ only by case are
duplicates (SQL engines cannot tell them apart), and an S3 URI must not climb with "..".
"""

import re
from collections.abc import Sequence

from tandem.errors import ValidationError
from tandem.model import limits
from tandem.model.catalog import check_catalog_name
from tandem.model.feature_group import (
    CollectionType,
    FeatureDefinition,
    FeatureGroup,
    FeatureType,
    OfflineStoreConfig,
    OnlineStoreConfig,
    StorageType,
    TableFormat,
    ThroughputConfig,
    ThroughputMode,
)
from tandem.model.labels import check_tags

NAME = re.compile(r"(?=.{1,64}\Z)[a-zA-Z0-9]([-_]*[a-zA-Z0-9])*", re.ASCII)
ROLE_ARN = re.compile(r"arn:aws[a-z\-]*:iam::\d{1,12}:role/?[a-zA-Z_0-9+=,.@\-_/]+", re.ASCII)
_PATTERN_CHARACTERS = frozenset("*?[]{}\\")
"""SQL engines that are given such a path take it for a pattern."""
WRITE_DAY_PARTITION = "write_time_day"
"""The partition of an Iceberg table whose event times are no ISO 8601 text."""
_KMS_KEY_ID = re.compile(r"[a-zA-Z0-9:/_-]*", re.ASCII)
S3_URI = re.compile(r"s3://([^/\s]+)(/\S*)?")


def check_definition(group: FeatureGroup) -> None:
    """Raises ValidationError, naming the member and the value, where `group` breaks a rule."""
    check_group_name(group.name)
    _check_features(group.features)
    _check_keys(group)
    _check_stores(group)
    if group.online is not None:
        _check_online(group.online, group)
    if group.offline is not None:
        _check_offline(group.offline)
        if group.offline.table_format is TableFormat.ICEBERG:
            _check_partition_names(group)
    check_throughput(group.throughput)
    _check_collections(group.features, group.storage_type)
    if group.role_arn is not None and not ROLE_ARN.fullmatch(group.role_arn):
        raise ValidationError(
            f"RoleArn {group.role_arn!r:.160} is not the ARN of an IAM role:"
            " write arn:aws:iam::ACCOUNT:role/NAME"
        )
    if len(group.description or "") > limits.DESCRIPTION_LENGTH_MAX:
        raise ValidationError(
            f"Description has {len(group.description or '')} characters;"
            f" {limits.DESCRIPTION_LENGTH_MAX} are allowed"
        )
    check_tags(group.tags.items())


def check_group_name(name: str, member: str = "FeatureGroupName") -> None:
    """`member` is what a caller calls it: an alias is named by the same rule."""
    if not NAME.fullmatch(name):
        raise ValidationError(
            f"{member} {name[:80]!r} is not valid: 1 to 64 letters, digits, hyphens and"
            " underscores, beginning and ending with a letter or a digit"
        )


def check_feature_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise ValidationError(
            f"feature name {name[:80]!r} is not valid: 1 to 64 letters, digits, hyphens and"
            " underscores, beginning and ending with a letter or a digit"
        )


def check_throughput(throughput: ThroughputConfig) -> None:
    for member, units in (
        ("ProvisionedReadCapacityUnits", throughput.read_units),
        ("ProvisionedWriteCapacityUnits", throughput.write_units),
    ):
        if units is None:
            continue
        if not 0 <= units <= limits.CAPACITY_UNITS_MAX:
            raise ValidationError(
                f"{member} {units} is not valid: 0 to {limits.CAPACITY_UNITS_MAX} are allowed"
            )
        if units and throughput.mode is ThroughputMode.ON_DEMAND:
            raise ValidationError(f"{member} {units} needs ThroughputMode Provisioned")


def event_time_partition(event_time_name: str) -> str:
    """The partition of an Iceberg table by the day in its event times, named as on AWS."""
    return f"{event_time_name}_trunc"


def _check_features(features: Sequence[FeatureDefinition]) -> None:
    if not 1 <= len(features) <= limits.FEATURES_PER_GROUP_MAX:
        raise ValidationError(
            f"FeatureDefinitions has {len(features)} members;"
            f" 1 to {limits.FEATURES_PER_GROUP_MAX} are allowed"
        )
    seen: dict[str, str] = {}
    for feature in features:
        folded = feature.name.lower()
        if folded in limits.RESERVED_FEATURE_NAMES:
            raise ValidationError(
                f"feature name {feature.name!r} is reserved: the offline store adds this column"
            )
        check_feature_name(feature.name)
        if folded in seen:
            raise ValidationError(
                f"feature {feature.name!r} is defined twice (as {seen[folded]!r} before);"
                " names are compared without regard to case"
            )
        seen[folded] = feature.name


def _check_keys(group: FeatureGroup) -> None:
    for member, name in (
        ("RecordIdentifierFeatureName", group.record_identifier_name),
        ("EventTimeFeatureName", group.event_time_name),
    ):
        if name not in group.features_by_name:
            raise ValidationError(f"{member} {name!r:.80} is not among the FeatureDefinitions")
        if group.features_by_name[name].collection is not None:
            raise ValidationError(f"{member} {name!r} must not be a collection")
    if group.event_time.type is FeatureType.INTEGRAL:
        raise ValidationError(
            f"EventTimeFeatureName {group.event_time_name!r} is Integral:"
            " an event time is String or Fractional"
        )


def _check_stores(group: FeatureGroup) -> None:
    if not group.stores:
        raise ValidationError(
            "a feature group needs a store: give OnlineStoreConfig with EnableOnlineStore true,"
            " OfflineStoreConfig, or both"
        )
    if group.offline is not None and group.role_arn is None:
        raise ValidationError("RoleArn is required with OfflineStoreConfig")


def _check_online(online: OnlineStoreConfig, group: FeatureGroup) -> None:
    if (
        online.storage_type is StorageType.IN_MEMORY
        and group.throughput.mode is ThroughputMode.PROVISIONED
    ):
        raise ValidationError("StorageType InMemory needs ThroughputMode OnDemand")
    if online.storage_type is StorageType.IN_MEMORY and group.offline is not None:
        raise ValidationError(
            "StorageType InMemory has no offline store: leave out OfflineStoreConfig,"
            " or use Standard or Standard_V2"
        )
    _check_kms_key(online.kms_key_id)


def _check_offline(offline: OfflineStoreConfig) -> None:
    found = S3_URI.fullmatch(offline.s3_uri)
    if found is None or len(offline.s3_uri) > limits.S3_URI_LENGTH_MAX:
        raise ValidationError(
            f"S3Uri {offline.s3_uri[:80]!r} is not valid: write s3://bucket/prefix,"
            f" at most {limits.S3_URI_LENGTH_MAX} characters"
        )
    if found[1].startswith((".", "_")):
        raise ValidationError(
            f"S3Uri {offline.s3_uri!r} names no bucket: a bucket's name begins with a letter or a"
            " digit"
        )
    if any(part in {".", ".."} for part in offline.s3_uri.split("/")):
        raise ValidationError(f"S3Uri {offline.s3_uri!r} must not contain '.' or '..' as a folder")
    if strange := sorted(_PATTERN_CHARACTERS & set(offline.s3_uri)):
        raise ValidationError(f"S3Uri {offline.s3_uri!r} must not contain the characters {strange}")
    if not offline.s3_uri.isprintable():
        raise ValidationError(f"S3Uri {offline.s3_uri!r} must not contain control characters")
    if offline.data_catalog is not None:
        check_catalog_name("Catalog", offline.data_catalog.catalog)
        check_catalog_name("Database", offline.data_catalog.database)
        check_catalog_name("TableName", offline.data_catalog.table)
    _check_kms_key(offline.kms_key_id)


def _check_partition_names(group: FeatureGroup) -> None:
    """Iceberg wants other names for partitions than for columns, those added later included."""
    names = (event_time_partition(group.event_time_name), WRITE_DAY_PARTITION)
    taken = {name.lower() for name in names}
    for feature in group.features:
        if feature.name.lower() in taken:
            raise ValidationError(
                f"feature name {feature.name!r} is reserved with TableFormat 'Iceberg': the table's"
                " partition has it"
            )


def _check_kms_key(kms_key_id: str | None) -> None:
    if kms_key_id is None:
        return
    if len(kms_key_id) > limits.KMS_KEY_ID_LENGTH_MAX:
        raise ValidationError(
            f"KmsKeyId has {len(kms_key_id)} characters; {limits.KMS_KEY_ID_LENGTH_MAX} are allowed"
        )
    if not _KMS_KEY_ID.fullmatch(kms_key_id):
        raise ValidationError(
            f"KmsKeyId {kms_key_id[:80]!r} is not valid: letters, digits and the characters of :/_-"
            " are allowed"
        )


def _check_collections(features: Sequence[FeatureDefinition], storage: StorageType) -> None:
    vectors = [feature.name for feature in features if feature.collection is CollectionType.VECTOR]
    if len(vectors) > 1:
        raise ValidationError(f"a feature group may have one Vector; these are Vectors: {vectors}")
    for feature in features:
        if feature.collection is not None and storage is not StorageType.IN_MEMORY:
            raise ValidationError(
                f"feature {feature.name!r} is a {feature.collection}:"
                " collections need StorageType InMemory"
            )
        if feature.collection is CollectionType.VECTOR:
            _check_vector(feature)
        elif feature.vector_dimension is not None:
            raise ValidationError(
                f"feature {feature.name!r} has a VectorConfig but is not a Vector"
            )


def _check_vector(feature: FeatureDefinition) -> None:
    if feature.type is not FeatureType.FRACTIONAL:
        raise ValidationError(f"Vector {feature.name!r} must be Fractional, not {feature.type}")
    dimension = feature.vector_dimension
    if dimension is None or not 1 <= dimension <= limits.VECTOR_DIMENSION_MAX:
        raise ValidationError(
            f"Vector {feature.name!r} has Dimension {dimension}:"
            f" 1 to {limits.VECTOR_DIMENSION_MAX} are allowed"
        )

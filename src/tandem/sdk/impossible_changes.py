"""What no change can make of a feature group that exists, and what can be done instead."""

from collections.abc import Iterator

from tandem.errors import ValidationError
from tandem.model.feature_group import (
    FeatureDefinition,
    FeatureGroup,
    FeatureGroupStatus,
    OfflineStoreConfig,
    TableFormat,
)
from tandem.model.targets import TargetStores
from tandem.sdk.declaration import DeclaredGroup, DeclaredOfflineStore


def check_can_change(declared: DeclaredGroup, group: FeatureGroup) -> None:
    """Raises ValidationError where `group` can never be as it is declared."""
    check_is_created(group, "it cannot be changed")
    for feature in group.features:
        _check_feature(declared, group, feature)
    for store, has, declared_store in (
        ("online", TargetStores.ONLINE in group.stores, declared.online_store),
        ("offline", TargetStores.OFFLINE in group.stores, declared.offline_store),
    ):
        if has != (declared_store is not None):
            raise ValidationError(
                f"feature group {group.name!r} has {'an' if has else 'no'} {store} store, which"
                f" cannot be changed: declare '{store}: {str(has).lower()}', or a feature group"
                " with another name"
            )
    for member, before, after in _fixed_members(declared, group):
        if after is not None and before != after:
            raise ValidationError(
                f"{member} of {group.name!r} is {before!r} and cannot become {after!r}: declare it"
                " as it is, or a feature group with another name"
            )


def check_is_created(group: FeatureGroup, otherwise: str) -> None:
    """Raises ValidationError that says what follows where the group is not in status Created."""
    if group.status is not FeatureGroupStatus.CREATED:
        raise ValidationError(
            f"feature group {group.name!r} is in status {group.status}, so {otherwise}: wait until"
            " it is Created, or delete it"
        )


def _check_feature(
    declared: DeclaredGroup, group: FeatureGroup, feature: FeatureDefinition
) -> None:
    if feature.name not in declared.features:
        if feature.retired_at_us is not None:
            return
        raise ValidationError(
            f"feature {feature.name!r} of {group.name!r} is not declared: declare it, with"
            " 'retired: true' where it is to go"
        )
    wanted = declared.definition(feature.name)
    if kind_of(wanted) != kind_of(feature):
        raise ValidationError(
            f"feature {feature.name!r} of {group.name!r} is {kind_of(feature)} and cannot become"
            f" {kind_of(wanted)}: clone the feature group in other types, with 'tandem clone"
            f" {group.name} NEW_NAME --type {feature.name}={wanted.type}'"
        )


def _fixed_members(
    declared: DeclaredGroup, group: FeatureGroup
) -> Iterator[tuple[str, object, object]]:
    """What is chosen for good: the member, what it is, and what the file says (None: nothing)."""
    yield "record_identifier", group.record_identifier_name, declared.record_identifier
    yield "event_time", group.event_time_name, declared.event_time
    yield "role_arn", group.role_arn, declared.role_arn
    yield "description", group.description, declared.description
    online = declared.online_store
    if group.online is not None and online is not None:
        yield "kms_key_id of the online store", group.online.kms_key_id, online.kms_key_id
    offline = declared.offline_store
    if group.offline is not None and offline is not None:
        yield from _fixed_offline_members(group.offline, offline)


def _fixed_offline_members(
    before: OfflineStoreConfig, declared: DeclaredOfflineStore
) -> Iterator[tuple[str, object, object]]:
    yield "s3_uri", before.s3_uri, declared.s3_uri
    if declared.table_format is not None:
        yield "table_format", _named(before.table_format), _named(declared.table_format)
    yield "kms_key_id of the offline store", before.kms_key_id, declared.kms_key_id
    yield (
        "disable_glue_table_creation",
        before.disable_glue_table_creation,
        declared.disable_glue_table_creation,
    )
    catalog, wanted = before.data_catalog, declared.data_catalog
    if wanted is not None:
        standing = catalog and (catalog.catalog, catalog.database, catalog.table)
        yield "data_catalog", standing, (wanted.catalog, wanted.database, wanted.table)


def _named(table_format: TableFormat) -> str:
    return (TableFormat.GLUE if table_format is TableFormat.DEFAULT else table_format).value


def kind_of(feature: FeatureDefinition) -> str:
    if feature.collection is None:
        return feature.type.value
    dimension = f"[{feature.vector_dimension}]" if feature.vector_dimension else ""
    return f"{feature.collection}{dimension} of {feature.type}"

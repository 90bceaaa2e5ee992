"""How a feature group may change: its features, its stores, its tags, and what is said of features.

Each function gives the group as it is after one change. Pure; raises ValidationError, naming the
member and the value, where the change is not allowed. The caller counts the revision on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tandem.errors import ResourceNotFound, ValidationError
from tandem.model import limits
from tandem.model.definition import check_definition, check_throughput
from tandem.model.feature_group import (
    FeatureDefinition,
    FeatureGroup,
    FeatureMetadata,
    OnlineStoreConfig,
    StorageType,
    ThroughputConfig,
    ThroughputMode,
)
from tandem.model.labels import check_parameter_key, check_parameters, check_tag_key, check_tags
from tandem.model.time_to_live import TtlDuration


@dataclass(frozen=True, slots=True)
class ThroughputUpdate:
    """A change of throughput; None leaves a member as it is."""

    mode: ThroughputMode | None = None
    read_units: int | None = None
    write_units: int | None = None


@dataclass(frozen=True, kw_only=True)
class GroupUpdate:
    """What UpdateFeatureGroup changes. None leaves a thing as it is.

    additions    new features; null in the rows and records from before
    ttl          for records that are written from now on
    removes_ttl  records that are written from now on do not expire
    """

    additions: tuple[FeatureDefinition, ...] = ()
    ttl: TtlDuration | None = None
    removes_ttl: bool = False
    storage_type: StorageType | None = None
    throughput: ThroughputUpdate | None = None

    @property
    def is_empty(self) -> bool:
        return self == GroupUpdate()


def updated(group: FeatureGroup, update: GroupUpdate, now_us: int) -> FeatureGroup:
    if update.is_empty:
        raise ValidationError(
            "nothing is to be updated: give FeatureAdditions, OnlineStoreConfig or ThroughputConfig"
        )
    _check_additions(group, update.additions)
    additions = tuple(replace(feature, added_at_us=now_us) for feature in update.additions)
    changed = replace(
        group,
        features=group.features + additions,
        online=_updated_online(group, update),
        throughput=_updated_throughput(group.throughput, update.throughput),
        modified_at_us=_later(group, now_us),
    )
    check_definition(changed)
    return changed


def retired(group: FeatureGroup, name: str, now_us: int) -> FeatureGroup:
    """`group` with the feature hidden from readers and refused in writes; history keeps it."""
    feature = _feature(group, name)
    if name in (group.record_identifier_name, group.event_time_name):
        raise ValidationError(
            f"feature {name!r} cannot be retired: every record needs its record identifier and its"
            " event time"
        )
    if feature.retired_at_us is not None:
        raise ValidationError(f"feature {name!r} of {group.name!r} is retired already")
    return _with_feature(group, replace(feature, retired_at_us=now_us), now_us)


def restored(group: FeatureGroup, name: str, now_us: int) -> FeatureGroup:
    """`group` with a retired feature as it was before."""
    feature = _feature(group, name)
    if feature.retired_at_us is None:
        raise ValidationError(f"feature {name!r} of {group.name!r} is not retired")
    return _with_feature(group, replace(feature, retired_at_us=None), now_us)


def tagged(group: FeatureGroup, tags: Mapping[str, str]) -> FeatureGroup:
    check_tags(tags.items())
    merged = {**group.tags, **tags}
    if len(merged) > limits.TAGS_PER_GROUP_MAX:
        raise ValidationError(
            f"feature group {group.name!r} would have {len(merged)} tags;"
            f" {limits.TAGS_PER_GROUP_MAX} are allowed"
        )
    return replace(group, tags=merged)


def untagged(group: FeatureGroup, keys: Iterable[str]) -> FeatureGroup:
    """`group` without these tags; keys that it does not have are passed over, as on AWS."""
    removed = set(keys)
    for key in removed:
        check_tag_key(key)
    return replace(
        group, tags={key: value for key, value in group.tags.items() if key not in removed}
    )


@dataclass(frozen=True, kw_only=True)
class MetadataUpdate:
    """What UpdateFeatureMetadata changes. A description of None stays; an empty one is removed."""

    description: str | None = None
    additions: tuple[tuple[str, str], ...] = ()
    removals: tuple[str, ...] = ()


def described(group: FeatureGroup, name: str, update: MetadataUpdate, now_us: int) -> FeatureGroup:
    """`group` with what is said of one feature changed: parameters are removed, then added."""
    _current_feature(group, name)
    check_metadata_update(update)
    before = group.metadata.get(name, FeatureMetadata(modified_at_us=group.created_at_us))
    parameters = {
        key: value for key, value in before.parameters.items() if key not in update.removals
    }
    parameters.update(update.additions)
    if len(parameters) > limits.FEATURE_PARAMETERS_MAX:
        raise ValidationError(
            f"feature {name!r} would have {len(parameters)} parameters;"
            f" {limits.FEATURE_PARAMETERS_MAX} are allowed"
        )
    description = before.description if update.description is None else update.description
    after = FeatureMetadata(
        description=description or None, parameters=parameters, modified_at_us=now_us
    )
    return replace(group, metadata={**group.metadata, name: after})


def check_addition_count(additions: Sequence[FeatureDefinition]) -> None:
    if len(additions) > limits.FEATURE_ADDITIONS_MAX:
        raise ValidationError(
            f"FeatureAdditions has {len(additions)} members;"
            f" 1 to {limits.FEATURE_ADDITIONS_MAX} are allowed"
        )


def _check_additions(group: FeatureGroup, additions: Sequence[FeatureDefinition]) -> None:
    check_addition_count(additions)
    names = {feature.name.lower(): feature for feature in group.features}
    for addition in additions:
        known = names.get(addition.name.lower())
        if known is None:
            continue
        if known.retired_at_us is not None:
            raise ValidationError(
                f"feature {addition.name!r} of {group.name!r} is retired: restore it, or choose"
                " another name"
            )
        raise ValidationError(
            f"feature group {group.name!r} has a feature {known.name!r} already:"
            " choose another name"
        )


def _updated_online(group: FeatureGroup, update: GroupUpdate) -> OnlineStoreConfig | None:
    online = group.online
    if update.ttl is not None and update.removes_ttl:
        raise ValidationError("TtlDuration is to be set and removed: choose one")
    if update.ttl is None and not update.removes_ttl and update.storage_type is None:
        return online
    if online is None or not online.enabled:
        raise ValidationError(
            f"feature group {group.name!r} has no online store, so OnlineStoreConfig cannot be"
            " updated"
        )
    wanted = update.storage_type
    if wanted not in (None, group.storage_type, StorageType.STANDARD_V2) or (
        wanted is StorageType.STANDARD_V2 and group.storage_type is StorageType.IN_MEMORY
    ):
        raise ValidationError(
            f"StorageType {group.storage_type} cannot become {wanted}:"
            " only Standard can become Standard_V2, and that for good"
        )
    return replace(
        online,
        ttl=None if update.removes_ttl else update.ttl or online.ttl,
        storage_type=wanted or online.storage_type,
    )


def _updated_throughput(
    before: ThroughputConfig, update: ThroughputUpdate | None
) -> ThroughputConfig:
    if update is None:
        return before
    if (update.mode or before.mode) is ThroughputMode.ON_DEMAND:
        # Terraform sends both units, as 0, in this mode too; other values are refused.
        check_throughput(
            ThroughputConfig(ThroughputMode.ON_DEMAND, update.read_units, update.write_units)
        )
        return ThroughputConfig(ThroughputMode.ON_DEMAND)
    return ThroughputConfig(
        ThroughputMode.PROVISIONED,
        before.read_units if update.read_units is None else update.read_units,
        before.write_units if update.write_units is None else update.write_units,
    )


def check_metadata_update(update: MetadataUpdate) -> None:
    """Refuses what can be said of no feature at all."""
    description = update.description or ""
    if len(description) > limits.FEATURE_DESCRIPTION_LENGTH_MAX:
        raise ValidationError(
            f"Description has {len(description)} characters;"
            f" {limits.FEATURE_DESCRIPTION_LENGTH_MAX} are allowed"
        )
    check_parameters(update.additions)
    for key in update.removals:
        check_parameter_key(key)
    for member, count in (
        ("ParameterAdditions", len(update.additions)),
        ("ParameterRemovals", len(update.removals)),
    ):
        if count > limits.FEATURE_PARAMETERS_MAX:
            raise ValidationError(
                f"{member} has {count} members; {limits.FEATURE_PARAMETERS_MAX} are allowed"
            )
    added = [key for key, _ in update.additions]
    if twice := sorted({key for key in added if added.count(key) > 1}):
        raise ValidationError(f"ParameterAdditions gives {twice} twice")
    if both := sorted(set(added) & set(update.removals)):
        raise ValidationError(f"parameters {both} are to be added and removed: choose one")


def _feature(group: FeatureGroup, name: str) -> FeatureDefinition:
    feature = group.features_by_name.get(name)
    if feature is None:
        raise ResourceNotFound(
            f"Resource Not Found: feature group {group.name!r} has no feature {name[:64]!r}"
        )
    return feature


def _current_feature(group: FeatureGroup, name: str) -> FeatureDefinition:
    feature = _feature(group, name)
    if feature.retired_at_us is not None:
        raise ResourceNotFound(
            f"Resource Not Found: feature {name!r} of {group.name!r} is retired; restore it first"
        )
    return feature


def _with_feature(group: FeatureGroup, feature: FeatureDefinition, now_us: int) -> FeatureGroup:
    features = tuple(feature if one.name == feature.name else one for one in group.features)
    return replace(group, features=features, modified_at_us=_later(group, now_us))


def _later(group: FeatureGroup, now_us: int) -> int:
    # A change in the microsecond of the creation is a change too, and clocks may step back.
    return max(now_us, group.modified_at_us + 1)

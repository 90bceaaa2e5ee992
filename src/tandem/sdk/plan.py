"""A plan: what is to be done so that a store is as files declare it.

* A plan is made whole before anything is changed. What cannot be reached by a change, such as
  another type of a feature, is refused then, with what can be done instead.
* A store that is as declared has an empty plan, so applying twice does the same as once.
* Nothing is deleted: feature groups and aliases that no file declares are left alone, and a feature
  goes only where the file says `retired: true`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tandem.errors import ResourceNotFound, ValidationError
from tandem.model.changes import GroupUpdate, MetadataUpdate, ThroughputUpdate
from tandem.model.feature_group import (
    FeatureDefinition,
    FeatureGroup,
    FeatureMetadata,
    StorageType,
)
from tandem.model.time_to_live import TtlDuration
from tandem.sdk.control_plane import ControlPlane
from tandem.sdk.declaration import Declared, DeclaredAlias, DeclaredGroup
from tandem.service.feature_groups import NewFeatureGroup


@dataclass(frozen=True)
class Step:
    """One change. `sign` is + for what is new, ~ for what changes and - for what goes."""

    target: str
    sign: str
    what: str
    run: Callable[[], object]

    def __str__(self) -> str:
        return f"{self.sign} {self.target}: {self.what}"


def plan(control: ControlPlane, declared: Sequence[Declared]) -> list[Step]:
    """The steps, in the order in which they are to be run. Raises ValidationError."""
    groups = [one for one in declared if isinstance(one, DeclaredGroup)]
    aliases = [one for one in declared if isinstance(one, DeclaredAlias)]
    steps = [step for group in groups for step in _group_steps(control, group)]
    known = {group.feature_group for group in groups}
    return steps + [step for alias in aliases for step in _alias_steps(control, alias, known)]


def _group_steps(control: ControlPlane, declared: DeclaredGroup) -> Iterator[Step]:
    new = declared.new_group()
    try:
        group = control.describe(new.name)
    except ResourceNotFound:
        yield from _creation(control, declared, new)
        return
    retired = {feature.name: feature for feature in control.retired_features(new.name)}
    _check_can_change(group, retired, new)
    yield from _feature_steps(control, declared, group, retired)
    yield from _store_steps(control, group, new)
    if declared.tags is not None:
        yield from _tag_steps(control, new.name, declared.tags)
    yield from _metadata_steps(control, declared, group)


def _creation(
    control: ControlPlane, declared: DeclaredGroup, new: NewFeatureGroup
) -> Iterator[Step]:
    stores = [
        store for store, config in (("online", new.online), ("offline", new.offline)) if config
    ]
    what = f"new feature group, {len(new.features)} features, {' and '.join(stores)}"
    yield Step(new.name, "+", what, lambda: control.create(new))
    for name in declared.features:
        if declared.feature(name).retired:
            yield _retirement(control, new.name, name)
        yield from _said_of_feature(control, declared, name, None)


def _check_can_change(
    group: FeatureGroup, retired: Mapping[str, FeatureDefinition], new: NewFeatureGroup
) -> None:
    declared = {feature.name: feature for feature in new.features}
    for feature in (*group.features, *retired.values()):
        wanted = declared.get(feature.name)
        if wanted is None:
            if feature.name not in retired:
                raise ValidationError(
                    f"feature {feature.name!r} of {group.name!r} is not declared: declare it, with"
                    " 'retired: true' where it is to go"
                )
        elif _kind(wanted) != _kind(feature):
            raise ValidationError(
                f"feature {feature.name!r} of {group.name!r} is {_kind(feature)} and cannot become"
                f" {_kind(wanted)}: clone the feature group under another name"
            )
    for what, before, after in _fixed_members(group, new):
        if before != after:
            raise ValidationError(
                f"{what} of {group.name!r} is {before!r} and cannot become {after!r}:"
                " declare a feature group with another name"
            )


def _fixed_members(
    group: FeatureGroup, new: NewFeatureGroup
) -> Iterator[tuple[str, object, object]]:
    yield "the record identifier", group.record_identifier_name, new.record_identifier_name
    yield "the event time", group.event_time_name, new.event_time_name
    yield "the role", group.role_arn, new.role_arn
    yield "the description", group.description, new.description
    online, wanted_online = group.online, new.online
    yield "the online store", online is not None, wanted_online is not None
    if online is not None and wanted_online is not None:
        yield "the online store's key", online.kms_key_id, wanted_online.kms_key_id
    offline, wanted = group.offline, new.offline
    yield "the offline store", offline is not None, wanted is not None
    if offline is not None and wanted is not None:
        yield "the S3 URI", offline.s3_uri, wanted.s3_uri
        yield "the table format", offline.table_format.value, wanted.table_format.value
        yield "the offline store's key", offline.kms_key_id, wanted.kms_key_id
        if wanted.data_catalog is not None:
            yield "the table", offline.data_catalog, wanted.data_catalog


def _feature_steps(
    control: ControlPlane,
    declared: DeclaredGroup,
    group: FeatureGroup,
    retired: Mapping[str, FeatureDefinition],
) -> Iterator[Step]:
    known = {feature.name for feature in group.features} | retired.keys()
    if added := tuple(declared.definition(name) for name in declared.features if name not in known):
        what = ", ".join(f"{feature.name} ({_kind(feature)})" for feature in added)
        update = GroupUpdate(additions=added)
        yield Step(group.name, "+", f"features {what}", _update(control, group.name, update))
    for name in declared.features:
        is_retired, is_wanted = name in retired, not declared.feature(name).retired
        if not is_wanted and not is_retired:
            yield _retirement(control, group.name, name)
        elif is_wanted and is_retired:
            yield _restoration(control, group.name, name)


def _restoration(control: ControlPlane, group_name: str, name: str) -> Step:
    what = f"feature {name}: restored"
    return Step(group_name, "+", what, lambda: control.restore_feature(group_name, name))


def _retirement(control: ControlPlane, group_name: str, name: str) -> Step:
    return Step(
        group_name,
        "-",
        f"feature {name}: retired",
        lambda: control.retire_feature(group_name, name),
    )


def _store_steps(
    control: ControlPlane, group: FeatureGroup, new: NewFeatureGroup
) -> Iterator[Step]:
    if group.online is not None and new.online is not None:
        before, after = group.online.ttl, new.online.ttl
        if before != after:
            update = GroupUpdate(ttl=after, removes_ttl=after is None)
            what = f"time to live: {_duration(before)} -> {_duration(after)}"
            yield Step(group.name, "~", what, _update(control, group.name, update))
        wanted = new.online.storage_type or StorageType.STANDARD
        if wanted is not group.storage_type:
            what = f"storage type: {group.storage_type} -> {wanted}"
            update = GroupUpdate(storage_type=wanted)
            yield Step(group.name, "~", what, _update(control, group.name, update))
    throughput = new.throughput
    wanted_units = replace(
        throughput, read_units=throughput.read_units or 0, write_units=throughput.write_units or 0
    )
    standing = replace(
        group.throughput,
        read_units=group.throughput.read_units or 0,
        write_units=group.throughput.write_units or 0,
    )
    if wanted_units != standing:
        update = GroupUpdate(
            throughput=ThroughputUpdate(
                wanted_units.mode, wanted_units.read_units, wanted_units.write_units
            )
        )
        what = f"throughput: {group.throughput.mode} -> {throughput.mode}"
        yield Step(group.name, "~", what, _update(control, group.name, update))


def _tag_steps(control: ControlPlane, name: str, wanted: Mapping[str, str]) -> Iterator[Step]:
    tags = control.tags(name)
    for key, value in wanted.items():
        if tags.get(key) != value:
            sign = "~" if key in tags else "+"
            yield Step(name, sign, f"tag {key}={value}", _tag(control, name, {key: value}))
    if gone := [key for key in tags if key not in wanted]:
        yield Step(name, "-", f"tags {', '.join(gone)}", lambda: control.untag(name, gone))


def _metadata_steps(
    control: ControlPlane, declared: DeclaredGroup, group: FeatureGroup
) -> Iterator[Step]:
    known = {feature.name for feature in group.features}
    for name in declared.features:
        said = control.describe_feature(group.name, name) if name in known else None
        yield from _said_of_feature(control, declared, name, said)


def _said_of_feature(
    control: ControlPlane, declared: DeclaredGroup, name: str, said: FeatureMetadata | None
) -> Iterator[Step]:
    """What the file says of a feature and the store does not; what it leaves out stays."""
    wanted = declared.feature(name)
    if wanted.retired:
        return
    before = said.parameters if said else {}
    parameters = wanted.parameters if wanted.parameters is not None else before
    description = said.description if said else None
    update = MetadataUpdate(
        description=wanted.description if wanted.description != description else None,
        additions=tuple(pair for pair in parameters.items() if before.get(pair[0]) != pair[1]),
        removals=tuple(key for key in before if key not in parameters),
    )
    if update != MetadataUpdate():
        group_name = declared.feature_group
        yield Step(
            group_name,
            "~" if said else "+",
            f"feature {name}: description and parameters",
            lambda: control.update_feature(group_name, name, update),
        )


def _alias_steps(
    control: ControlPlane, declared: DeclaredAlias, groups: set[str]
) -> Iterator[Step]:
    target = control.aliases().get(declared.alias)
    if target == declared.feature_group:
        return
    if declared.feature_group not in groups:
        control.describe(declared.feature_group)
    what = f"alias of {declared.feature_group}" + (f", was of {target}" if target else "")
    yield Step(
        declared.alias,
        "~" if target else "+",
        what,
        lambda: control.set_alias(declared.alias, declared.feature_group),
    )


def _update(control: ControlPlane, name: str, update: GroupUpdate) -> Callable[[], object]:
    return lambda: control.update(name, update)


def _tag(control: ControlPlane, name: str, tags: Mapping[str, str]) -> Callable[[], object]:
    return lambda: control.tag(name, tags)


def _kind(feature: FeatureDefinition) -> str:
    if feature.collection is None:
        return feature.type.value
    dimension = f"[{feature.vector_dimension}]" if feature.vector_dimension else ""
    return f"{feature.collection}{dimension} of {feature.type}"


def _duration(ttl: TtlDuration | None) -> str:
    return f"{ttl.value} {ttl.unit}" if ttl else "none"

"""What a training set is to be made of, and which features of which groups that means.

A feature vector is asked for in the same words, with entities in the place of labels, so that what
a model is trained on and what it is served go by one meaning.

A feature's column has the feature's name, or "group:feature" where that name is taken by a label
column or by another feature, or the name that the caller gives it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tandem.errors import ResourceNotFound, ValidationError
from tandem.model.dataset import DatasetGroup
from tandem.model.feature_group import FeatureGroup, feature_names
from tandem.model.targets import TargetStores
from tandem.service.feature_groups import FeatureGroups

Bounds = tuple[int | None, int | None]
"""A first moment, and one before which all others are; None: no bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSetRequest:
    """What a training set is made of.

    features         "group:feature" each, or "group:*" for all but the identifier and event time;
                     an alias may stand for the group. Or a mapping of output column to
                     "group:feature"
    event_time       the label column that tells each label's moment
    keys             label column by group as `features` names it, where it is not called as the
                     group's identifier
    as_of_us         only what was committed by then; None: everything
    max_age_seconds  features older than this at the label's moment are null; None: any age. For
                     all groups, or by group as `features` names it
    event_times      nanoseconds since 1970: only rows with an event time from the first moment on
                     and before the second count. For all groups, or by group
    """

    features: tuple[str, ...] | Mapping[str, str]
    event_time: str = "event_time"
    keys: Mapping[str, str] | None = None
    as_of_us: int | None = None
    max_age_seconds: float | Mapping[str, float] | None = None
    event_times: Bounds | Mapping[str, Bounds] | None = None


class _Wanted(NamedTuple):
    """A feature that is asked for, and its group as it was asked for: by its name or by an alias.

    What a caller sees goes by that name, so that switching an alias renames nothing.
    """

    named: str
    group: FeatureGroup
    feature: str
    column: str | None


class Plan(NamedTuple):
    """Groups with what each gives, and the features' columns in the order asked for."""

    groups: Sequence[FeatureGroup]
    parts: Sequence[DatasetGroup]
    columns: Sequence[str]


def planned(
    request: TrainingSetRequest,
    label_columns: Sequence[str] | None,
    groups: FeatureGroups,
    store: TargetStores = TargetStores.OFFLINE,
) -> Plan:
    """The features are to come from `store`. Without label columns, there is one: the record
    identifier, by whatever name all the groups have it. Raises ResourceNotFound and
    ValidationError.
    """
    wanted = _resolved(request.features, groups, store)
    if label_columns is None:
        label_columns = [_only_key(wanted, request.keys or {})]
    names = _output_names(wanted, label_columns)
    by_name = {one.named: one.group for one in wanted}
    for argument in ("keys", "max_age_seconds", "event_times"):
        by_group = getattr(request, argument)
        for name in by_group if isinstance(by_group, Mapping) else ():
            if name not in by_name:
                raise ValidationError(
                    f"{argument} names {name!r}, of which no feature is asked for"
                )
    columns: dict[str, dict[str, str]] = {}
    for one, name in zip(wanted, names, strict=True):
        columns.setdefault(one.named, {})[one.feature] = name
    parts = [
        _part(named, group, columns[named], request, label_columns)
        for named, group in by_name.items()
    ]
    return Plan(list(by_name.values()), parts, names)


def _part(
    named: str,
    group: FeatureGroup,
    columns: Mapping[str, str],
    request: TrainingSetRequest,
    label_columns: Sequence[str],
) -> DatasetGroup:
    key = (request.keys or {}).get(named, group.record_identifier_name)
    if key not in label_columns:
        raise ValidationError(
            f"the labels or entities have no column {key!r}, which identifies the records of"
            f" feature group {group.name!r}; they have {list(label_columns)}: rename a column or"
            " give keys="
        )
    age, bounds = request.max_age_seconds, request.event_times
    first, end = (bounds.get(named) if isinstance(bounds, Mapping) else bounds) or (None, None)
    if first is not None and end is not None and first >= end:
        raise ValidationError(
            f"event_times of feature group {named!r} end at {end} ns, which is not after their"
            f" beginning at {first} ns: no event time can be within"
        )
    return DatasetGroup(
        named=named,
        name=group.name,
        group_id=group.group_id,
        key=key,
        columns=columns,
        max_age_seconds=age.get(named) if isinstance(age, Mapping) else age,
        from_nanoseconds=first,
        until_nanoseconds=end,
    )


def _only_key(wanted: Sequence[_Wanted], keys: Mapping[str, str]) -> str:
    names = {one.named: keys.get(one.named, one.group.record_identifier_name) for one in wanted}
    if len(set(names.values())) > 1:
        raise ValidationError(
            f"the feature groups have several record identifiers, {names}: give the entities as a"
            ' mapping, such as {"customer_id": …, "product_id": …}, or as a frame'
        )
    return next(iter(names.values()))


def _resolved(
    features: Sequence[str] | Mapping[str, str], known: FeatureGroups, store: TargetStores
) -> list[_Wanted]:
    if not features:
        raise ValidationError('features is empty: name at least one as "group:feature"')
    named: list[tuple[str | None, str]] = (
        list(features.items())
        if isinstance(features, Mapping)
        else [(None, text) for text in features]
    )
    if "" in (column for column, _ in named):
        raise ValidationError("features gives a feature an empty name: name its column")
    wanted: list[_Wanted] = []
    groups: dict[str, FeatureGroup] = {}
    for column, text in named:
        group_name, colon, feature = text.partition(":")
        if not colon or not feature:
            raise ValidationError(f'{text!r} is not a feature: write "group:feature"')
        if group_name not in groups:
            # Looked up once, so that no switch of an alias comes between two features.
            groups[group_name] = known.find_for_reading(group_name).for_readers
            _check_store(groups[group_name], group_name, store)
        names = _features_of(groups[group_name], group_name, feature, column)
        wanted += [_Wanted(group_name, groups[group_name], name, column) for name in names]
    if len({(one.group.group_id, one.feature) for one in wanted}) < len(wanted):
        raise ValidationError(f"features names a feature twice: {[text for _, text in named]}")
    return wanted


def _check_store(group: FeatureGroup, group_name: str, store: TargetStores) -> None:
    if store in group.stores:
        return
    if store is TargetStores.OFFLINE:
        raise ValidationError(f"feature group {group_name!r} has no offline store")
    raise ValidationError(
        f"feature group {group_name!r} has no online store: query its history instead"
    )


def _features_of(
    group: FeatureGroup, group_name: str, feature: str, column: str | None
) -> list[str]:
    if feature == "*":
        if column is not None:
            raise ValidationError(
                f"features gives the one name {column!r} to '{group_name}:*': name each feature"
            )
        keys = (group.record_identifier_name, group.event_time_name)
        return [name for name in feature_names(group.features) if name not in keys]
    if feature not in group.features_by_name:
        raise ResourceNotFound(f"feature group {group_name!r} has no feature {feature!r}")
    return [feature]


def _output_names(wanted: Sequence[_Wanted], label_columns: Sequence[str]) -> list[str]:
    # SQL engines fold case, so names that differ by case alone count as taken.
    taken = Counter(one.feature.lower() for one in wanted)
    taken.update(column.lower() for column in label_columns)
    return [
        one.column
        or (one.feature if taken[one.feature.lower()] == 1 else f"{one.named}:{one.feature}")
        for one in wanted
    ]

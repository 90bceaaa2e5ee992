"""Datasets: training sets whose every row knows only what was known at its moment."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from tandem.errors import ResourceNotFound, ValidationError
from tandem.model.feature_group import FeatureGroup, feature_names
from tandem.query.base import FeatureJoin, QueryEngine
from tandem.service.feature_groups import FeatureGroups
from tandem.service.queries import Queries


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSetRequest:
    """What a training set is made of.

    features         "group:feature" each, or "group:*" for all but the identifier and event time;
                     an alias may stand for the group
    event_time       the label column that tells each label's moment
    keys             label column by group as `features` names it, where it is not called as the
                     group's identifier
    as_of_us         only what was committed by then; None: everything
    max_age_seconds  features older than this at the label's moment are null; None: any age
    """

    features: tuple[str, ...]
    event_time: str = "event_time"
    keys: Mapping[str, str] | None = None
    as_of_us: int | None = None
    max_age_seconds: float | None = None


class _Wanted(NamedTuple):
    """A feature that is asked for, and its group as it was asked for: by its name or by an alias.

    What a caller sees goes by that name, so that switching an alias renames nothing.
    """

    named: str
    group: FeatureGroup
    feature: str


class Datasets:
    def __init__(self, groups: FeatureGroups, queries: Queries, engine: QueryEngine) -> None:
        self._groups = groups
        self._queries = queries
        self._engine = engine

    def training_set(self, labels: pa.Table, request: TrainingSetRequest) -> pa.Table:
        """`labels`, each once and in order, with the features as of each label's moment.

        A feature's column has the feature's name, or "group:feature" where that name is taken by a
        label column or by another feature. Raises ResourceNotFound and ValidationError.
        """
        wanted = self._resolve(request.features)
        names = _output_names(wanted, labels.column_names)
        columns: dict[str, dict[str, str]] = {}
        groups = {one.named: one.group for one in wanted}
        for name in request.keys or {}:
            if name not in groups:
                raise ValidationError(f"keys names {name!r}, of which no feature is asked for")
        for one, name in zip(wanted, names, strict=True):
            columns.setdefault(one.named, {})[one.feature] = name
        if request.as_of_us is not None:
            self._queries.settle(request.as_of_us)
        tables = self._queries.history(list(groups.values()))
        joins = [
            FeatureJoin(
                table=table,
                key=_key_column(named, table.group, labels, request.keys or {}),
                columns=columns[named],
                as_of_us=request.as_of_us,
                max_age_seconds=request.max_age_seconds,
            )
            for named, table in zip(groups, tables, strict=True)
        ]
        return self._engine.point_in_time(labels, request.event_time, joins)

    def _resolve(self, features: Sequence[str]) -> list[_Wanted]:
        if not features:
            raise ValidationError('features is empty: name at least one as "group:feature"')
        wanted: list[_Wanted] = []
        groups: dict[str, FeatureGroup] = {}
        for text in features:
            group_name, colon, feature = text.partition(":")
            if not colon or not feature:
                raise ValidationError(f'{text!r} is not a feature: write "group:feature"')
            if group_name not in groups:
                # Looked up once, so that no switch of an alias comes between two features.
                groups[group_name] = self._groups.find_for_reading(group_name).for_readers
            group = groups[group_name]
            if group.offline is None:
                raise ValidationError(f"feature group {group_name!r} has no offline store")
            if feature == "*":
                keys = (group.record_identifier_name, group.event_time_name)
                names = [name for name in feature_names(group.features) if name not in keys]
            elif feature in group.features_by_name:
                names = [feature]
            else:
                raise ResourceNotFound(f"feature group {group_name!r} has no feature {feature!r}")
            wanted += [_Wanted(group_name, group, name) for name in names]
        if len(set(features)) < len(features) or len(_distinct(wanted)) < len(wanted):
            raise ValidationError(f"features names a feature twice: {list(features)}")
        return wanted


def _distinct(wanted: Sequence[_Wanted]) -> set[tuple[str, str]]:
    return {(one.group.group_id, one.feature) for one in wanted}


def _output_names(wanted: Sequence[_Wanted], label_columns: Sequence[str]) -> list[str]:
    # SQL engines fold case, so names that differ by case alone count as taken.
    taken = Counter(one.feature.lower() for one in wanted)
    taken.update(column.lower() for column in label_columns)
    return [
        one.feature if taken[one.feature.lower()] == 1 else f"{one.named}:{one.feature}"
        for one in wanted
    ]


def _key_column(named: str, group: FeatureGroup, labels: pa.Table, keys: Mapping[str, str]) -> str:
    column = keys.get(named, group.record_identifier_name)
    if column not in labels.column_names:
        raise ValidationError(
            f"the labels have no column {column!r}, which identifies the records of feature group"
            f" {group.name!r}; they have {labels.column_names}: rename a column or give keys="
        )
    return column

"""Datasets: training sets whose every row knows only what was known at its moment.

* A set is made whole before it is handed over; rows that do not fit the memory are in a file.
* A recorded set says what it was made of (`tandem.model.dataset`), and is made again from that:
  the same rows, compared by hash, whatever was written, renamed, retired or deleted since.
* The latest values are a training set whose labels are entities, all at one moment; so one
  definition of features answers training and inference.
"""

import secrets
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from tandem.errors import HistoryChanged, QueryFailed, ResourceNotFound, ValidationError
from tandem.model.dataset import Dataset, DatasetGroup, column_order
from tandem.model.feature_group import FeatureGroup
from tandem.offline.datasets import DatasetFolders
from tandem.query.base import FeatureJoin, HistoryTable, QueryEngine, TableName
from tandem.rows.content_hash import ContentHash, content_hash
from tandem.rows.history_rows import WRITE_TIME, arrow_type
from tandem.rows.rows import Rows, RowStream, Spool, TableRows
from tandem.service.clock import Clock
from tandem.service.dataset_request import TrainingSetRequest, planned
from tandem.service.feature_groups import FeatureGroups
from tandem.service.queries import HistoryMoment, Queries

Labels = Rows | RowStream
"""Rows; a stream may be larger than the memory."""
_COUNTED = TableName(None, "history")
# Names with a space are never those of features.
_MOMENT = "the moment"
_IS_KNOWN = "is known"


class TrainingSet(NamedTuple):
    """The rows, and what was recorded of them, if anything."""

    rows: Rows
    dataset: Dataset | None

    def to_table(self) -> pa.Table:
        return self.rows.to_table()


class Datasets:
    """scratch is a folder for rows that do not fit the memory."""

    def __init__(
        self,
        groups: FeatureGroups,
        queries: Queries,
        engine: QueryEngine,
        folders: DatasetFolders,
        clock: Clock,
        *,
        scratch: Path,
        made_by: str,
    ) -> None:
        self._groups = groups
        self._queries = queries
        self._engine = engine
        self._folders = folders
        self._clock = clock
        self._scratch = scratch
        self._made_by = made_by

    def training_set(
        self,
        labels: Labels,
        request: TrainingSetRequest,
        *,
        record: bool = True,
        keep_labels: bool = True,
    ) -> TrainingSet:
        """`labels`, each once and in order, with the features as of each label's moment.

        record       whether it is kept what the set was made of
        keep_labels  whether the labels are kept with it, so that it can be made again without them

        Labels may come as a stream that is larger than the memory. Raises ResourceNotFound and
        ValidationError.
        """
        if request.as_of_us is not None:
            self._queries.settle(request.as_of_us)
        return self._made(labels, request, record=record, keep_labels=keep_labels)

    def latest(
        self,
        entities: Labels | str,
        request: TrainingSetRequest,
        *,
        at_us: int | None = None,
        record: bool = True,
        keep_labels: bool = True,
    ) -> TrainingSet:
        """The newest values of each entity as of a moment, `at_us`, or now.

        entities  rows with the record identifiers, or the name of a feature group: all of its
                  records that are not deleted at that moment, by identifier

        The moment is in the column `request.event_time`, which the entities do not have.
        """
        at_us = self._clock() if at_us is None else at_us
        if request.as_of_us is not None:
            self._queries.settle(request.as_of_us)
        if isinstance(entities, str):
            if request.as_of_us is None:
                # One barrier for both questions, so that no entity comes in between.
                request = replace(request, as_of_us=self._queries.now_at_one_moment([]).as_of_us)
            entities = self._all_entities(entities, request, at_us)
        labels = _at(entities, request.event_time, at_us)
        return self._made(labels, request, record=record, keep_labels=keep_labels)

    def find(self, dataset_id: str) -> Dataset:
        """Raises ResourceNotFound."""
        return self._folders.find(dataset_id)

    def all(self) -> Sequence[Dataset]:
        """The recorded sets, the newest first."""
        return sorted(self._folders.all(), key=lambda one: one.created_at_us, reverse=True)

    def delete(self, dataset_id: str) -> None:
        """Removes what was recorded. Raises ResourceNotFound."""
        self._folders.remove(dataset_id)

    def rebuild(self, dataset_id: str, labels: Labels | None = None) -> TrainingSet:
        """The rows of a recorded set, the same bit for bit.

        labels  those that the set was made of, where it was recorded without them

        Raises ValidationError where these are other labels, and HistoryChanged, which says what
        changed, where the same rows cannot be made any more.
        """
        dataset = self._folders.find(dataset_id)
        given = self._given_labels(dataset, labels)
        tables = self._tables_of(dataset)
        joins = [_join(part, table, dataset.as_of_us) for part, table in tables]
        try:
            made, found = self._joined(given, dataset.event_time, joins, dataset.columns)
        except QueryFailed as error:
            raise HistoryChanged(
                f"training set {dataset_id} cannot be made again: {error}"
            ) from error
        if found != dataset.content_hash:
            is_other = content_hash(given) != dataset.labels_hash
            why = "its labels changed" if is_other else self._what_changed(tables, dataset.as_of_us)
            raise HistoryChanged(
                f"training set {dataset_id} cannot be made again: its rows have the hash {found}"
                f" now, and had {dataset.content_hash}; {why}"
            )
        return TrainingSet(made, dataset)

    def _made(
        self, labels: Labels, request: TrainingSetRequest, *, record: bool, keep_labels: bool
    ) -> TrainingSet:
        begin = time.monotonic()
        plan = planned(request, labels.schema.names, self._groups)
        given = self._held(labels)
        if request.as_of_us is None:
            moment = self._queries.now_at_one_moment(plan.groups)
            as_of_us = moment.as_of_us
        else:
            moment = self._queries.at_one_moment(plan.groups)
            as_of_us = request.as_of_us
        joins = [
            _join(part, table, as_of_us)
            for part, table in zip(plan.parts, moment.tables, strict=True)
        ]
        wanted = tuple((name, "") for name in (*labels.schema.names, *plan.columns))
        rows, found = self._joined(given, request.event_time, joins, wanted, is_hashed=record)
        if not record:
            return TrainingSet(rows, None)
        dataset = Dataset(
            dataset_id=self._new_id(),
            created_at_us=self._clock(),
            seconds=round(time.monotonic() - begin, 3),
            as_of_us=as_of_us,
            log_positions=moment.log_positions,
            event_time=request.event_time,
            groups=self._counted(plan.parts, moment, as_of_us),
            rows=rows.count,
            columns=tuple((field.name, str(field.type)) for field in rows.schema),
            content_hash=found,
            labels_hash=content_hash(given),
            has_labels=keep_labels,
            made_by=self._made_by,
        )
        self._folders.add(dataset, given if keep_labels else None)
        return TrainingSet(rows, dataset)

    def _joined(
        self,
        labels: Rows,
        moment: str,
        joins: Sequence[FeatureJoin],
        columns: tuple[tuple[str, str], ...],
        *,
        is_hashed: bool = True,
    ) -> tuple[Rows, str]:
        """The rows with these columns in this order, and their hash; without it, an empty text."""
        stream = self._engine.point_in_time(labels, moment, joins)
        order = column_order(stream.schema.names, columns)
        schema = pa.schema([stream.schema.field(index) for index in order])
        found = ContentHash(schema) if is_hashed else None
        with closing(Spool(schema, self._scratch)) as spool:
            for batch in stream.batches:
                ordered = pa.RecordBatch.from_arrays(
                    [batch.column(index) for index in order], schema=schema
                )
                if found is not None:
                    found.update(ordered)
                spool.add(ordered)
            return spool.rows(), "" if found is None else found.digest()

    def _held(self, labels: Labels) -> Rows:
        """The labels so that they can be read again."""
        if isinstance(labels, Rows):
            return labels
        with closing(Spool(labels.schema, self._scratch)) as spool:
            for batch in labels.batches:
                spool.add(batch)
            return spool.rows()

    def _given_labels(self, dataset: Dataset, labels: Labels | None) -> Rows:
        if labels is None:
            return self._folders.labels(dataset)
        given = self._held(labels)
        if content_hash(given) != dataset.labels_hash:
            raise ValidationError(
                f"these are not the labels that training set {dataset.dataset_id} was made of:"
                " it takes the same rows in the same order, with the same columns"
            )
        return given

    def _tables_of(self, dataset: Dataset) -> list[tuple[DatasetGroup, HistoryTable]]:
        groups: list[FeatureGroup] = []
        for part in dataset.groups:
            try:
                group = self._groups.of_id(part.group_id)
            except ResourceNotFound as error:
                raise HistoryChanged(
                    f"training set {dataset.dataset_id} cannot be made again: {error}"
                ) from error
            groups.append(group)
        tables = self._queries.at_one_moment(groups).tables
        return list(zip(dataset.groups, tables, strict=True))

    def _counted(
        self, parts: Sequence[DatasetGroup], moment: HistoryMoment, as_of_us: int
    ) -> tuple[DatasetGroup, ...]:
        return tuple(
            replace(part, rows=self._count(table, as_of_us))
            for part, table in zip(parts, moment.tables, strict=True)
        )

    def _count(self, table: HistoryTable, as_of_us: int) -> int:
        # Text, because that is a time in every engine's SQL.
        # Nothing was written before 1970, and Python's dates end in the year 1.
        since = timedelta(microseconds=max(as_of_us, 0))
        moment = (datetime(1970, 1, 1) + since).isoformat(" ", "microseconds")
        found = self._engine.sql(
            f"SELECT count(*) AS n FROM history WHERE {WRITE_TIME} <= '{moment}'",  # noqa: S608
            {_COUNTED: table},
        )
        count: int = found.column(0)[0].as_py()
        return count

    def _what_changed(self, tables: Sequence[tuple[DatasetGroup, HistoryTable]], us: int) -> str:
        changed = [
            f"feature group {part.named!r} has {now} rows written by then, and had {part.rows}"
            for part, table in tables
            if (now := self._count(table, us)) != part.rows
        ]
        return "; ".join(changed) or "as many rows are there as were, so values in them changed"

    def _all_entities(self, name: str, request: TrainingSetRequest, at_us: int) -> Rows:
        """The identifiers of the group's records that are not deleted at that moment."""
        group = self._groups.find_for_reading(name).for_readers
        if group.offline is None:
            raise ValidationError(f"feature group {name!r} has no offline store")
        identifier = group.record_identifier
        column = (request.keys or {}).get(name, identifier.name)
        (table,) = self._queries.at_one_moment([group]).tables
        found = self._engine.sql(
            f'SELECT DISTINCT "{identifier.name}" FROM history'  # noqa: S608
            f' WHERE "{identifier.name}" IS NOT NULL ORDER BY 1',
            {_COUNTED: table},
        )
        entities = pa.table({column: found.column(0).cast(arrow_type(identifier))})
        part = DatasetGroup(
            named=name,
            name=group.name,
            group_id=group.group_id,
            key=column,
            columns={identifier.name: _IS_KNOWN},
        )
        labels = self._held(_at(TableRows(entities), _MOMENT, at_us))
        joins = [_join(part, table, request.as_of_us)]
        known = self._engine.point_in_time(labels, _MOMENT, joins).to_table()
        return TableRows(known.filter(known.column(_IS_KNOWN).is_valid()).select([column]))

    def _new_id(self) -> str:
        now = datetime.fromtimestamp(self._clock() // 1_000_000, UTC)
        return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def _join(part: DatasetGroup, table: HistoryTable, as_of_us: int | None) -> FeatureJoin:
    return FeatureJoin(
        table=table,
        key=part.key,
        columns=part.columns,
        as_of_us=as_of_us,
        max_age_seconds=part.max_age_seconds,
        from_nanoseconds=part.from_nanoseconds,
        until_nanoseconds=part.until_nanoseconds,
    )


def _at(entities: Labels, column: str, at_us: int) -> RowStream:
    """The entities, all at one moment."""
    if column in entities.schema.names:
        raise ValidationError(
            f"the entities have a column {column!r}, where the moment is to stand: rename it,"
            " give event_time=, or ask for a training set"
        )
    moment = pa.scalar(at_us, pa.timestamp("us", "UTC"))
    schema = entities.schema.append(pa.field(column, moment.type))
    batches = entities.batches() if isinstance(entities, Rows) else entities.batches
    return RowStream(
        schema,
        (
            pa.RecordBatch.from_arrays(
                [*batch.columns, pa.repeat(moment, batch.num_rows)], schema=schema
            )
            for batch in batches
        ),
    )

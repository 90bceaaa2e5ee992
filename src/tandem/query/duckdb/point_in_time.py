"""The point-in-time join in SQL: two statements for each group.

1. The winners. An ASOF join finds for each label the row with the greatest (event time, position)
   not after its moment. Both are packed into one number, so that ties cost nothing:

       packing = nanoseconds since 1970 * 2^56 + position

   Only the identifier and the packing go through the join. What it finds carries its
   position.
2. The features. The rows at the winners' positions are read and put in the labels' order.

A delete marker wins like any row and then gives nothing, since step 2 leaves markers out. A row
without an identifier or an event time belongs to no record and never wins; text that is no time
stops the join, because leaving it out could bring back an older value.

Names made here have a space where they meet features, whose names have none.
"""
# ruff: noqa: S608  (the statements are built of quoted names and numbers)

from collections.abc import Callable, Iterator, Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from tandem.errors import ValidationError
from tandem.model.event_time import parse_iso_or_epoch
from tandem.model.feature_group import FeatureType
from tandem.query.base import FeatureJoin
from tandem.query.duckdb.history import POSITION_BITS, HistorySource, quoted, sql_type
from tandem.query.duckdb.moments import nanoseconds_sql
from tandem.query.labels import (
    NANOSECONDS_MAX,
    NANOSECONDS_MIN,
    Moments,
    age_nanoseconds_max,
    label_keys,
    label_moments,
)
from tandem.rows.history_rows import IS_DELETED, WRITE_TIME, arrow_type
from tandem.rows.rows import Rows

_POSITIONS = 1 << POSITION_BITS
# Rows of other identifiers are left out before the join where the labels have at most this many. In
# 10M rows of 200,000 identifiers that took 0.4 of the time with 20,000 labels, 0.65 with 100,000,
# and more than all of it with a million.
_FEW_KEYS = 100_000
_LABELS_AT_ONCE = 1_000_000
# Batches that the largest records cannot fill: Arrow's buffers of text hold 2 GB.
_BATCH_ROWS = 6_144


class PointInTimeJoin:
    """One join of labels and histories, in a database of its own that the engine has made.

    cursors     gives a new cursor on that database, which lives as long as the join: each history
                is read on one of its own, so that all are read side by side
    """

    def __init__(
        self, cursors: Callable[[], duckdb.DuckDBPyConnection], labels: Rows, moment: str
    ) -> None:
        self._cursors = cursors
        self._labels = labels
        self._moment = moment

    def batches(self, joins: Sequence[FeatureJoin], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """The labels with their features, in order."""
        _make_labels(self._cursors(), self._labels, self._moment, joins)
        parts = [self._labels.batches(rows_max=_BATCH_ROWS)]
        parts += [
            _features(self._cursors(), join, number)
            for number, join in enumerate(joins)
            if join.columns
        ]
        return side_by_side(parts, schema)


def side_by_side(
    parts: Sequence[Iterator[pa.RecordBatch]], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """The columns of all parts, which have equally many rows, in batches of any size."""
    held = [next(part, None) for part in parts]
    while all(batch is not None for batch in held):
        batches = [batch for batch in held if batch is not None]
        count = min(batch.num_rows for batch in batches)
        columns = [column for batch in batches for column in batch.slice(0, count).columns]
        if count:
            yield pa.RecordBatch.from_arrays(columns, schema=schema)
        held = [
            batch.slice(count) if batch.num_rows > count else next(part, None)
            for batch, part in zip(batches, parts, strict=True)
        ]
    assert not any(batch is not None and batch.num_rows for batch in held), "parts of other lengths"


def _make_labels(
    cursor: duckdb.DuckDBPyConnection, labels: Rows, moment: str, joins: Sequence[FeatureJoin]
) -> None:
    """The table `labels`: row, moment (nanoseconds since 1970) and key_0, key_1, ..."""
    identifiers = [join.table.group.record_identifier for join in joins]
    keys = [f"key_{number}" for number in range(len(joins))]
    typed = [
        f", {key} {sql_type(identifier)}" for key, identifier in zip(keys, identifiers, strict=True)
    ]
    cursor.execute(f"CREATE TABLE labels (row BIGINT, moment HUGEINT{''.join(typed)})")
    columns = list(dict.fromkeys([moment, *(join.key for join in joins)]))
    first = 0
    for batch in labels.batches(columns, rows_max=_LABELS_AT_ONCE) if joins else ():
        given = pa.Table.from_batches([batch])
        moments = label_moments(given, moment)
        row = pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), batch.num_rows), start=first)
        values = [
            label_keys(given, join.key, identifier)
            for join, identifier in zip(joins, identifiers, strict=True)
        ]
        table = pa.table([row, moments.values, *values], names=["row", "moment", *keys])
        cursor.register("given labels", table)
        nanoseconds = _moment_sql(moments)
        if moments.is_text:
            _check_moments(cursor, nanoseconds)
        cursor.execute(
            f"INSERT INTO labels SELECT row, {nanoseconds}{''.join(f', {key}' for key in keys)}"
            ' FROM "given labels"'
        )
        cursor.unregister("given labels")
        first += batch.num_rows


def _moment_sql(moments: Moments) -> str:
    if moments.unit_nanoseconds is not None:
        return f"moment::HUGEINT * {moments.unit_nanoseconds}"
    type_ = FeatureType.STRING if moments.is_text else FeatureType.FRACTIONAL
    return nanoseconds_sql("moment", type_)


def _check_moments(cursor: duckdb.DuckDBPyConnection, nanoseconds: str) -> None:
    wrong = cursor.execute(
        f"SELECT moment FROM (SELECT moment, {nanoseconds} AS found"
        ' FROM "given labels" WHERE moment IS NOT NULL)'
        f" WHERE (found BETWEEN {NANOSECONDS_MIN} AND {NANOSECONDS_MAX}) IS NOT TRUE LIMIT 1"
    ).fetchone()
    if wrong is not None:
        parse_iso_or_epoch(wrong[0])
        raise ValidationError(f"the label moment {wrong[0]!r} is not a time")


def _features(
    cursor: duckdb.DuckDBPyConnection, join: FeatureJoin, number: int
) -> Iterator[pa.RecordBatch]:
    """The join's output columns, one row a label, in the labels' order."""
    source = HistorySource(cursor, join.table)
    key, winners = f"key_{number}", f"winners_{number}"
    cursor.execute(_winners_sql(source, join, key, winners, few_keys=_are_few(cursor, key)))
    features = ", ".join(f"found.{quoted(name)}" for name in join.columns)
    relation = cursor.sql(
        f"SELECT {features} FROM {winners} LEFT JOIN ("
        f"SELECT * FROM ({source.rows([*join.columns, IS_DELETED], position='its position')})"
        f" WHERE {IS_DELETED} IS NOT TRUE"
        f') AS found ON "winning position" = "its position" ORDER BY {winners}."label row"'
    )
    by_name = join.table.group.features_by_name
    types = [arrow_type(by_name[name]) for name in join.columns]
    for batch in relation.to_arrow_reader(_BATCH_ROWS):
        columns = [column.cast(type_) for column, type_ in zip(batch.columns, types, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, names=list(join.columns.values()))
    cursor.execute(f"DROP TABLE {winners}")


def _are_few(cursor: duckdb.DuckDBPyConnection, key: str) -> bool:
    row = cursor.execute(f"SELECT approx_count_distinct({key}) FROM labels").fetchone()
    return row is not None and row[0] <= _FEW_KEYS


def _winners_sql(
    source: HistorySource, join: FeatureJoin, key: str, winners: str, *, few_keys: bool
) -> str:
    """The table `winners`: each label's row, and the position of what it found."""
    position = f"(packing & {_POSITIONS - 1})::BIGINT"
    age_max = age_nanoseconds_max(join.max_age_seconds)
    if age_max is not None:
        # Shifting right rounds towards minus infinity, so it undoes the packing before 1970 too.
        is_young = f"moment - (packing >> {POSITION_BITS}) <= {age_max}"
        position = f"CASE WHEN {is_young} THEN {position} END"
    history = f'SELECT "its key", "its packing" AS packing FROM ({_packed_sql(source, join)})'
    if few_keys:
        history += f' WHERE "its key" IN (SELECT {key} FROM labels)'
    return (
        f'CREATE TABLE {winners} AS SELECT row AS "label row", {position} AS "winning position"'
        f' FROM labels ASOF LEFT JOIN ({history}) AS history ON labels.{key} = history."its key"'
        f" AND labels.moment * {_POSITIONS} + {_POSITIONS - 1} >= packing"
    )


def _packed_sql(source: HistorySource, join: FeatureJoin) -> str:
    """The history as ("its key", "its packing"), of what was committed by the join's `as_of_us`."""
    group = join.table.group
    identifier, event_time = group.record_identifier_name, group.event_time_name
    columns = list(dict.fromkeys([identifier, event_time, WRITE_TIME]))
    nanoseconds = nanoseconds_sql(quoted(event_time), group.event_time.type)
    if group.event_time.type is FeatureType.STRING:
        complaint = f"history of feature group {group.name} has an event time that is no time: "
        nanoseconds = f"COALESCE({nanoseconds}, error('{complaint}' || {quoted(event_time)}))"
    known = f"{quoted(identifier)} IS NOT NULL AND {quoted(event_time)} IS NOT NULL"
    if join.as_of_us is not None:
        known += f" AND {WRITE_TIME} <= make_timestamp({join.as_of_us}::BIGINT)"
    packed = (
        f'SELECT {quoted(identifier)} AS "its key",'
        f' {nanoseconds} * {_POSITIONS} + "its position" AS "its packing"'
        f" FROM ({source.rows(columns, position='its position')}) WHERE {known}"
    )
    bounds = []
    if join.from_nanoseconds is not None:
        bounds.append(f'"its packing" >= {_packed_moment(join.from_nanoseconds)}')
    if join.until_nanoseconds is not None:
        bounds.append(f'"its packing" < {_packed_moment(join.until_nanoseconds)}')
    return f"SELECT * FROM ({packed}) WHERE {' AND '.join(bounds)}" if bounds else packed


def _packed_moment(nanoseconds: int) -> int:
    """The least packing of a moment; moments that no event time can be are as the nearest one."""
    return min(max(nanoseconds, NANOSECONDS_MIN), NANOSECONDS_MAX + 1) * _POSITIONS

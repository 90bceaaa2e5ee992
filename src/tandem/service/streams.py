"""Streams: what messages say becomes records, and how far their source is read commits with them.

* A batch is written in one transaction: its records, and a mark for each partition that it moves.
  So a message is in if and only if the mark is behind it, whatever ends a consumer.
* A mark moves by compare-and-set: of two consumers that read one partition under one stream's name,
  one writes a message, and the other gets a ConflictError.
* A record that does not fit is reported, and nothing of the batch is written: whoever sent it puts
  the message aside, and sends the batch without it.
* The runs of a batch are written in their order, and the rows of a run in theirs.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import NamedTuple

import pyarrow as pa

from tandem.errors import ValidationError
from tandem.model.decision import Refusal
from tandem.model.feature_group import FeatureGroup
from tandem.model.record import FeatureValue, record_size
from tandem.model.targets import TargetStores
from tandem.model.throughput import write_units
from tandem.model.write import Write
from tandem.online.base import (
    Mark,
    OnlineStore,
    Request,
    SegmentWrite,
)
from tandem.online.newest_rows import by_identifier, newest_rows
from tandem.rows.feature_values import check_column_names, iterate_values
from tandem.rows.features_json import FeaturesJsonWriter
from tandem.rows.record_table import check_rows, write_units_of_rows
from tandem.service.clock import Clock
from tandem.service.feature_groups import FeatureGroups
from tandem.service.group_commit import GroupCommit
from tandem.service.records import DeletionMode, Records, check_targets
from tandem.service.throughput import Throughput

BATCH_ROWS_MAX = 10_000
"""Others wait while a batch commits: about 50 ms for 2,000 rows."""
_SINGLE_ROWS_MAX = 64
"""So few rows are written one by one: a segment costs a file."""
_POSITION_LENGTH_MAX = 256
_KEPT_UNTIL_MS = 253_402_300_799_000
"""A stream is gone on with whenever its consumer comes back."""
_STREAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}", re.ASCII)
_PARTITION = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)


class Move(NamedTuple):
    """How far a partition is read, before and after a batch; None: it has not been begun."""

    partition: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Records of one group.

    rows      a column for each feature that has values; of a delete, the record identifier and the
              event time
    targets   the stores; None: all that the group has
    deletes   whether they are deleted (softly) instead of put
    """

    group: str
    rows: pa.Table
    targets: TargetStores | None = None
    deletes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamBatch:
    """Messages of one topic, as records. `stream` names who reads it, and so its marks."""

    stream: str
    topic: str
    moves: Sequence[Move]
    runs: Sequence[Run] = ()


class BadRecord(NamedTuple):
    """A row of a run, both counted from 0, and what is wrong with it."""

    run: int
    row: int
    reason: str


class Streams:
    def __init__(
        self,
        groups: FeatureGroups,
        records: Records,
        store: OnlineStore,
        commits: GroupCommit,
        throughput: Throughput,
        clock: Clock,
    ) -> None:
        self._groups = groups
        self._records = records
        self._store = store
        self._commits = commits
        self._throughput = throughput
        self._clock = clock
        self._writers: SimpleQueue[FeaturesJsonWriter] = SimpleQueue()

    def positions(
        self, stream: str, topic: str, partitions: Sequence[str]
    ) -> Mapping[str, str | None]:
        """How far each partition is read; None where it has not been begun."""
        names = [_mark_name(stream, topic, partition) for partition in partitions]
        with self._store.log() as log:
            marks = [log.mark(name) for name in names]
        return {
            partition: None if mark is None else mark.decode()
            for partition, mark in zip(partitions, marks, strict=True)
        }

    def commit(self, batch: StreamBatch) -> list[BadRecord]:
        """Writes a batch, or nothing of it and says which records do not fit. Durable at return.

        Raises ConflictError where a partition is not read as far as the batch says;
        ResourceNotFound and ValidationError where a group is not there, has no such feature or no
        such store; StoreUnavailable. Nothing was written then.
        """
        marks = self._marks(batch)
        if sum(run.rows.num_rows for run in batch.runs) > BATCH_ROWS_MAX:
            raise ValidationError(f"a batch has at most {BATCH_ROWS_MAX} records: send fewer")
        with ExitStack() as stages:
            requests: list[Request] = []
            bad: list[BadRecord] = []
            for index, run in enumerate(batch.runs):
                made, reasons = self._requests(run, stages)
                requests += made
                bad += [BadRecord(index, row, reason) for row, reason in reasons]
            if bad:
                return bad
            outcomes = self._commits.submit([*requests, *marks]).result()
        assert not any(isinstance(one, Refusal) for one in outcomes)  # neither kind is refused
        self._count(requests)
        return []

    def _count(self, requests: Sequence[Request]) -> None:
        for request in requests:
            if isinstance(request, Write):
                units = write_units(record_size(request.values))
                self._throughput.load(request.key.group_id, 1, units)
            elif isinstance(request, SegmentWrite):
                units = int(write_units_of_rows(request.staged.rows).sum())
                self._throughput.load(request.group_id, request.count, units)

    def close(self) -> None:
        """Gives back what is kept from batch to batch."""
        while (writer := self._idle_writer()) is not None:
            with writer:
                pass

    @contextmanager
    def _writer(self) -> Iterator[FeaturesJsonWriter]:
        # To make one takes as long as to write a small batch: they are kept.
        writer = self._idle_writer() or FeaturesJsonWriter()
        yield writer
        self._writers.put(writer)

    def _idle_writer(self) -> FeaturesJsonWriter | None:
        try:
            return self._writers.get_nowait()
        except Empty:
            return None

    def _marks(self, batch: StreamBatch) -> list[Mark]:
        if not batch.moves:
            raise ValidationError("a batch moves a partition at least: name one")
        if len({move.partition for move in batch.moves}) < len(batch.moves):
            raise ValidationError("a batch moves a partition once: it is named twice")
        for move in batch.moves:
            for position in (move.before, move.after):
                if position is not None and not 1 <= len(position.encode()) <= _POSITION_LENGTH_MAX:
                    raise ValidationError(
                        f"position {position[:64]!r} of partition {move.partition[:64]!r} is not"
                        f" valid: it has 1 to {_POSITION_LENGTH_MAX} bytes"
                    )
        return [
            Mark(
                _mark_name(batch.stream, batch.topic, move.partition),
                (move.before or "").encode(),
                move.after.encode(),
                _KEPT_UNTIL_MS,
            )
            for move in batch.moves
        ]

    def _requests(
        self, run: Run, stages: ExitStack
    ) -> tuple[Sequence[Request], Sequence[tuple[int, str]]]:
        """What a run asks for, and its rows that do not fit."""
        group = self._groups.find_for_writing(run.group)
        targets = check_targets(group, run.targets)
        if run.rows.num_rows <= _SINGLE_ROWS_MAX or run.deletes:
            return self._one_by_one(group, targets, run)
        found = check_rows(group, run.rows, stops_at_first=False)
        if found.bad_rows:
            return [], found.bad_rows
        return self._segment(group, targets, found.table, stages), []

    def _one_by_one(
        self, group: FeatureGroup, targets: TargetStores, run: Run
    ) -> tuple[list[Write], list[tuple[int, str]]]:
        check_column_names(run.rows.column_names, group.current_features)
        writes: list[Write] = []
        bad: list[tuple[int, str]] = []
        for row, values in enumerate(iterate_values(run.rows, group.features_by_name)):
            if isinstance(values, ValidationError):
                bad.append((row, str(values)))
                continue
            try:
                writes.append(self._write(group, targets, values, deletes=run.deletes))
            except ValidationError as error:
                bad.append((row, str(error)))
        return writes, bad

    def _write(
        self,
        group: FeatureGroup,
        targets: TargetStores,
        values: Sequence[FeatureValue],
        *,
        deletes: bool,
    ) -> Write:
        if not deletes:
            return self._records.check_put(group.name, values, targets)
        by_name = {value.name: value.value for value in values}
        for name in (group.record_identifier_name, group.event_time_name):
            if not isinstance(by_name.get(name), str):
                raise ValidationError(f"a delete needs a value of feature {name!r}")
        return self._records.check_delete(
            group.name,
            str(by_name[group.record_identifier_name]),
            str(by_name[group.event_time_name]),
            DeletionMode.SOFT,
            targets,
        )

    def _segment(
        self, group: FeatureGroup, targets: TargetStores, rows: pa.Table, stages: ExitStack
    ) -> list[SegmentWrite]:
        rows = rows.combine_chunks()
        ttl_seconds = None if group.default_ttl is None else group.default_ttl.seconds
        newest = None
        if TargetStores.ONLINE in targets:
            rows = by_identifier(rows)
            with self._writer() as writer:
                (found,) = newest_rows([rows], ttl_seconds, writer)
            newest = self._store.staging.prepared(group.group_id, found)
        staged = stages.enter_context(self._store.staging.stage(rows))
        return [
            SegmentWrite(
                group_id=group.group_id,
                targets=targets,
                staged=staged,
                start=0,
                count=rows.num_rows,
                newest=newest,
                ttl_seconds=ttl_seconds,
                invoked_at_us=self._clock(),
            )
        ]


def _mark_name(stream: str, topic: str, partition: str) -> str:
    for what, pattern, text in (
        ("stream", _STREAM, stream),
        ("topic", _TOPIC, topic),
        ("partition", _PARTITION, partition),
    ):
        if not pattern.fullmatch(text):
            raise ValidationError(
                f"{what} {text[:64]!r} is not valid: use letters, digits, '.', '_' and '-'"
                f" ({pattern.pattern})"
            )
    return f"stream/{stream}/{topic}/{partition}"


def check_stream_name(name: str) -> None:
    """Raises ValidationError where a stream cannot be called so."""
    _mark_name(name, "topic", "0")

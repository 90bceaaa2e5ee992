"""Ingestion: tables of any size become records, in short transactions.

    input ─► chunks ─► check ─► order by key ─► stage ─► slices: newest records, segment, mark
             bounded   columns                  synced   one short commit each

* A row is decided as a put of it is, in the order of the rows. A chunk that has the online store as
  a target is written in the order of its keys, since neighbours in the store are changed together;
  the rows of one key keep their order, and no other order can be told from outside.
* Nothing of a chunk is written before all of it is checked; a table in memory is checked whole.
* The mark says how far the input is in. It commits with the rows, so whoever gives the same input
  under the same ingestion id again goes on behind them, whatever ended the call before.
* While one slice commits, the next is made, and beside both the next chunk.
"""

import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from tandem.errors import ConflictError, TandemError, ValidationError
from tandem.model.feature_group import FeatureGroup
from tandem.model.targets import TargetStores
from tandem.online.base import (
    Mark,
    OnlineStore,
    Outcome,
    Prepared,
    Request,
    SegmentWrite,
    StagedRows,
)
from tandem.online.newest_rows import by_identifier, newest_rows
from tandem.rows.features_json import FeaturesJsonWriter
from tandem.rows.record_table import (
    CheckedRows,
    check_rows,
    failed_rows,
    joined,
    write_units_of_rows,
)
from tandem.service.clock import Clock
from tandem.service.feature_groups import FeatureGroups
from tandem.service.group_commit import GroupCommit
from tandem.service.ingestion_chunks import Chunks
from tandem.service.ingestion_mark import (
    KEPT_SECONDS,
    IngestionMark,
    check_ingestion_id,
    content_of,
    mark_name,
)
from tandem.service.records import check_targets
from tandem.service.throughput import Throughput

_TABLE_CHUNK_BYTES = 128 << 20
"""Of a table that is in memory anyway. The more rows are put in order at a time, the more of them
lie together on the pages of the store: a million rows at once write a fifth of what four parts do.
"""
_SLICE_ROWS = 4_096
_SLICE_BYTES = 2 << 20
"""Others wait while one slice commits: about 20 to 50 ms."""
_PENDING_SLICES_MAX = 2
_SLICES_AT_A_TIME = 4
"""That many are made in one go, while those before them commit."""
_BAD_ROWS_MAX = 100_000
"""They are kept in memory; an input with more of them is the wrong one."""


class OnError(StrEnum):
    """What becomes of rows that do not fit: the first one ends the call, or all are left out."""

    RAISE = "raise"
    SKIP = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestOptions:
    """How an input is ingested.

    targets        the stores; None: all that the group has
    ingestion_id   names the input, so that a call that was cut short can be made again; None: one
                   is made, and forgotten when the call ends well
    start          how many rows of the input come before the first one that is given
    kept_seconds   how long an input with an id can be gone on with after its last commit
    """

    targets: TargetStores | None = None
    ingestion_id: str | None = None
    on_error: OnError = OnError.RAISE
    start: int = 0
    kept_seconds: int = KEPT_SECONDS


class Ingested(NamedTuple):
    """What has been done.

    rows      rows that this call has written
    failed    rows that this call has left out, as they were given, with their number in the input
              (`_row`, from 0) and what is wrong with them (`_reason`); None where there are none
    """

    ingestion_id: str
    rows: int
    failed: pa.Table | None


Progress = Callable[[int], None]
"""Is told how many rows of the input are done, again and again."""

TakeFailed = Callable[[pa.Table], None]
"""Gets rows that are left out, as `Ingested.failed` has them, before the mark passes them: when it
returns, they are kept. After a call that was cut short, the last ones may come again.
"""

RowName = Callable[[int], str]
"""What error messages call a row of the input, by its number from 0."""


def _row_name(row: int) -> str:
    return f"row {row}"


class _Chunk(NamedTuple):
    """Rows that are checked and staged; the stage is to be closed when they are written.

    before, after   the mark as it stands, and as it is when all of them are written
    units           what each would cost as a write of its own
    """

    group: FeatureGroup
    staged: StagedRows
    before: IngestionMark
    after: IngestionMark
    failed: pa.Table | None
    units: np.ndarray
    stage: ExitStack


class Ingestion:
    def __init__(
        self,
        groups: FeatureGroups,
        store: OnlineStore,
        commits: GroupCommit,
        throughput: Throughput,
        clock: Clock,
    ) -> None:
        self._groups = groups
        self._store = store
        self._commits = commits
        self._throughput = throughput
        self._clock = clock

    def ingest(
        self,
        group_name: str,
        rows: pa.Table | Iterable[pa.Table],
        options: IngestOptions | None = None,
        progress: Progress = lambda _rows: None,
        *,
        take_failed: TakeFailed | None = None,
        row_name: RowName = _row_name,
    ) -> Ingested:
        """Puts every row as a record; durable at return. Rows that are left out are in the result,
        or with `take_failed`. What `progress` raises ends the call between two commits.

        Raises ValidationError that names the row (from 0), the feature and the value, and says what
        is written; ConflictError where the ingestion id stands for another input; StoreUnavailable
        where the disk is full, for instance: the first rows may be in, and the same call with the
        same id goes on behind them.
        """
        given = options or IngestOptions()
        group = self._groups.find_for_writing(group_name)
        given = replace(given, targets=check_targets(group, given.targets))
        if given.ingestion_id is not None:
            check_ingestion_id(given.ingestion_id)
        load = _Load(
            lambda: self._groups.find_for_writing(group_name),
            given,
            self._store,
            self._commits,
            self._throughput,
            self._clock,
            take_failed,
            row_name,
        )
        try:
            return load.run(rows, progress)
        except TandemError as error:
            raise type(error)(f"{error}; {load.what_is_in}") from error

    def standing(self, group_name: str, ingestion_id: str) -> IngestionMark:
        """How far an input is in; whoever sends it again may begin behind what is done."""
        check_ingestion_id(ingestion_id)
        group = self._groups.find_for_writing(group_name)
        with self._store.log() as log:
            return IngestionMark.read(log.mark(mark_name(group.group_id, ingestion_id)) or b"")

    def forget(self, group: FeatureGroup, ingestion_id: str) -> None:
        """Forgets how far an input is in: nobody will give it again."""
        name = mark_name(group.group_id, ingestion_id)
        with self._store.log() as log:
            packed = log.mark(name)
        if packed:
            self._commits.submit([Mark(name, packed, b"", expires_at_ms=0)]).result()


class _Pending(NamedTuple):
    """A commit under way: its rows, what they cost, and how far the input is in after it."""

    future: Future[list[Outcome]]
    rows: int
    units: int
    done: int


class _Load:
    """One call."""

    def __init__(
        self,
        find_group: Callable[[], FeatureGroup],
        options: IngestOptions,
        store: OnlineStore,
        commits: GroupCommit,
        throughput: Throughput,
        clock: Clock,
        take_failed: TakeFailed | None,
        row_name: RowName,
    ) -> None:
        self._find_group = find_group
        self._row_name = row_name
        self._group_id = find_group().group_id
        assert options.targets is not None
        self._targets = options.targets
        self._skips = options.on_error is OnError.SKIP
        self._start = options.start
        self._kept_seconds = options.kept_seconds
        self._is_own_id = options.ingestion_id is None
        self._ingestion_id = options.ingestion_id or secrets.token_hex(8)
        self._mark_name = mark_name(self._group_id, self._ingestion_id)
        self._store = store
        self._commits = commits
        self._throughput = throughput
        self._clock = clock
        with store.log() as log:
            self._packed_mark = log.mark(self._mark_name) or b""
        self._done = IngestionMark.read(self._packed_mark).rows
        self._rows = 0
        self._failed: list[pa.Table] = []
        self._take_failed = take_failed or self._failed.append
        self._pending: deque[_Pending] = deque()

    def run(self, rows: pa.Table | Iterable[pa.Table], progress: Progress) -> Ingested:
        chunks = self._chunks(rows)
        with (
            FeaturesJsonWriter() as writer,
            ThreadPoolExecutor(1, "tandem-ingestion") as beside,
        ):
            following = beside.submit(next, chunks, None)
            try:
                while (chunk := following.result()) is not None:
                    following = beside.submit(next, chunks, None)
                    with chunk.stage:
                        self._write(chunk, writer, progress)
            finally:
                _close_stage(following)
        if self._is_own_id:
            self._commit([self._mark(b"")], 0, 0, self._done)
            self._settle(0, progress)
        return Ingested(self._ingestion_id, self._rows, joined(self._failed))

    def _chunks(self, rows: pa.Table | Iterable[pa.Table]) -> Iterator[_Chunk]:
        """What is still to be written, chunk by chunk, checked and staged."""
        mark = IngestionMark.read(self._packed_mark)
        if mark.rows < self._start:
            raise ConflictError(
                f"the rows given begin at row {self._start} of the input, but under the ingestion"
                f" id {self._ingestion_id!r} only {mark.rows} are in: begin there"
            )
        is_table = isinstance(rows, pa.Table)
        is_large = is_table and self._is_online
        given = Chunks([rows] if is_table else rows, _TABLE_CHUNK_BYTES if is_large else None)
        given.skip(mark.rows - self._start)
        checked = self._checked(given, mark)
        # What is in memory anyway is checked whole before any of it is written.
        for chunk, found in list(checked) if is_table and not self._skips else checked:
            bad_rows = mark.bad_rows + len(found.bad_rows)
            # Those of a chunk that was in hand were counted when it was begun.
            bad_rows -= len(found.bad_rows) if mark.chunk_rows else 0
            after = IngestionMark(rows=mark.rows + chunk.num_rows, bad_rows=bad_rows)
            yield self._staged(mark, after, chunk, found)
            mark = after

    def _checked(
        self, chunks: Chunks, mark: IngestionMark
    ) -> Iterator[tuple[pa.Table, CheckedRows]]:
        first_row = mark.rows
        # A chunk that was in hand is cut as it was, so that it has the same order again.
        in_hand = chunks.take(mark.chunk_rows) if mark.chunk_rows else None
        for chunk in chain([] if in_hand is None else [in_hand], chunks):
            group = self._group()
            found = check_rows(group, chunk, stops_at_first=not self._skips)
            if found.bad_rows and not self._skips:
                row, reason = found.bad_rows[0]
                raise ValidationError(f"{self._row_name(first_row + row)}: {reason}")
            yield chunk, found
            first_row += chunk.num_rows

    def _staged(
        self, before: IngestionMark, after: IngestionMark, chunk: pa.Table, found: CheckedRows
    ) -> _Chunk:
        failed = None
        if found.bad_rows:
            failed = failed_rows(chunk, before.rows, found.bad_rows)
            if after.bad_rows > _BAD_ROWS_MAX:
                raise ValidationError(
                    f"more than {_BAD_ROWS_MAX} rows do not fit, such as"
                    f" {self._row_name(before.rows + found.bad_rows[0].row)}:"
                    f" {found.bad_rows[0].reason}"
                )
        rows = found.table.combine_chunks()
        if self._is_online:
            rows = by_identifier(rows)
        content = content_of(rows)
        if before.chunk_rows and (before.chunk_rows, before.content) != (
            chunk.num_rows,
            content,
        ):
            raise ConflictError(
                f"the rows from {before.rows} on are not those that the ingestion"
                f" {self._ingestion_id!r} was writing: give the same input, or another id"
            )
        before = before._replace(
            chunk_rows=chunk.num_rows, content=content, bad_rows=after.bad_rows
        )
        with ExitStack() as stage:
            staged = stage.enter_context(self._store.staging.stage(rows))
            units = write_units_of_rows(rows)
            return _Chunk(self._group(), staged, before, after, failed, units, stage.pop_all())

    def _write(self, chunk: _Chunk, writer: FeaturesJsonWriter, progress: Progress) -> None:
        """Writes the slices of a chunk. When it is left, none of them is under way any more."""
        try:
            for write in self._slices(chunk, writer):
                end = write.start + write.count
                is_last = end == chunk.staged.rows.num_rows
                if is_last and chunk.failed is not None:
                    self._take_failed(chunk.failed)
                mark = chunk.after if is_last else chunk.before._replace(written=end)
                # A chunk of bad rows alone has an empty slice, and moves the mark nevertheless.
                requests: list[Request] = [write] if write.count else []
                done = mark.rows if is_last else mark.rows + end
                units = int(chunk.units[write.start : end].sum())
                self._commit([*requests, self._mark(mark.packed())], write.count, units, done)
                self._settle(_PENDING_SLICES_MAX, progress)
            self._settle(0, progress)
        finally:
            wait(pending.future for pending in self._pending)
        # The allocator would keep what a chunk took, of every thread that worked on it.
        pa.default_memory_pool().release_unused()

    def _slices(self, chunk: _Chunk, writer: FeaturesJsonWriter) -> Iterator[SegmentWrite]:
        """What is still to be written of a chunk; at least one slice."""
        ttl = chunk.group.default_ttl
        ttl_seconds = None if ttl is None else ttl.seconds
        rows = chunk.staged.rows
        step = _slice_rows(rows) if self._is_online else max(rows.num_rows, 1)
        starts = range(chunk.before.written, max(rows.num_rows, 1), step)
        for some in _batched(starts, _SLICES_AT_A_TIME):
            parts = [rows.slice(start, step) for start in some]
            newest = self._newest(parts, ttl_seconds, writer)
            for start, part, records in zip(some, parts, newest, strict=True):
                yield SegmentWrite(
                    group_id=self._group_id,
                    targets=self._targets,
                    staged=chunk.staged,
                    start=start,
                    count=part.num_rows,
                    newest=records,
                    ttl_seconds=ttl_seconds,
                    invoked_at_us=self._clock(),
                )

    def _newest(
        self, parts: Sequence[pa.Table], ttl_seconds: int | None, writer: FeaturesJsonWriter
    ) -> list[Prepared | None]:
        if not self._is_online:
            return [None] * len(parts)
        prepared = self._store.staging.prepared
        return [prepared(self._group_id, rows) for rows in newest_rows(parts, ttl_seconds, writer)]

    def _mark(self, packed: bytes) -> Mark:
        expires_at_ms = self._clock() // 1_000 + self._kept_seconds * 1_000
        mark = Mark(self._mark_name, self._packed_mark, packed, expires_at_ms)
        self._packed_mark = packed
        return mark

    def _commit(self, requests: Sequence[Request], rows: int, units: int, done: int) -> None:
        self._pending.append(_Pending(self._commits.submit(requests), rows, units, done))

    def _settle(self, pending_max: int, progress: Progress) -> None:
        """Waits until at most so many commits are under way. Raises what one of them raised: those
        behind it have failed, too, since they expect its mark.
        """
        while len(self._pending) > pending_max:
            settled = self._pending.popleft()
            settled.future.result()
            self._throughput.load(self._group_id, settled.rows, settled.units)
            self._rows += settled.rows
            self._done = settled.done
            progress(settled.done)

    def _group(self) -> FeatureGroup:
        """As it is now: a feature may have come, or be retired, since the load began."""
        group = self._find_group()
        if group.group_id != self._group_id:
            raise ConflictError(
                f"feature group {group.name!r} was deleted and created again meanwhile"
            )
        return group

    @property
    def _is_online(self) -> bool:
        return TargetStores.ONLINE in self._targets

    @property
    def what_is_in(self) -> str:
        """For the error that ended the call."""
        if not self._done:
            return "no row was written"
        return (
            f"{self._done} rows of the input are done: the same call with"
            f" ingestion_id={self._ingestion_id!r} goes on behind them"
        )


def _batched(starts: range, count: int) -> Iterator[range]:
    return (starts[first : first + count] for first in range(0, len(starts), count))


def _slice_rows(rows: pa.Table) -> int:
    row_bytes = rows.nbytes // max(rows.num_rows, 1)
    fitting: int = _SLICE_BYTES // max(row_bytes, 1)
    return max(1, min(_SLICE_ROWS, fitting))


def _close_stage(chunk: Future[_Chunk | None]) -> None:
    """Closes what was staged and will not be written."""
    if chunk.exception() is None and (unwritten := chunk.result()) is not None:
        unwritten.stage.close()

"""Adoption: Parquet files that other programs put into a history become rows of it.

    found ─► taken ─► each checked whole ─► sealed ─► ingested ─► noted ─► removed
                         └─► refused: no row of it is taken

Their rows go through the log like any others, under an ingestion id that is the batch's name. So

* they have positions and write times: those at which Tandem first saw them, whatever stands in the
  file, since nobody could know them before. Queries and training sets have them at once, and so do
  the archive and clones;
* a crash loses none and doubles none: the mark of the ingestion commits with the rows, and the
  files of a sealed batch are there until all rows are in;
* delivery writes them into files of Tandem's own, and those of others go: who lists the folder sees
  a row once.

A file counts as whole when it has its footer and nobody has changed it for a while. The same file
that comes again, name and bytes, is not adopted again: tools that copy folders would send it each
time. Another one under that name is refused, since a history only grows.
"""

import hashlib
import logging
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tandem.errors import ConflictError, ResourceNotFound, TandemError, ValidationError
from tandem.model.adopted_files import AdoptedFile, FilesAdopted, RefusedFile, WaitingFile
from tandem.model.feature_group import FeatureGroup
from tandem.model.targets import TARGET_STORES_BY_NAME, TargetStores
from tandem.model.write import Operation, RecordKey, Write
from tandem.offline.base import Arrival, Arrivals, Batch, OfflineStore, refused_place
from tandem.offline.foreign_rows import count_rows, foreign_rows
from tandem.online.base import Mark, OnlineStore
from tandem.registry.base import DocumentRegistry
from tandem.rows.record_table import check_rows
from tandem.rows.segment import records_of
from tandem.service.adoption_notes import AdoptionNotes
from tandem.service.clock import Clock
from tandem.service.definitions import Definitions
from tandem.service.delivery import Delivery
from tandem.service.feature_groups import FeatureGroups
from tandem.service.group_commit import GroupCommit
from tandem.service.ingestion import Ingestion, IngestOptions
from tandem.service.ingestion_mark import mark_name
from tandem.service.records import check_targets

TARGETS_TAG = "tandem:adopt-into"
"""The tag by which a group says into which stores files are adopted when nobody names any."""
_log = logging.getLogger("tandem.adoption")
_CALL_STILL_SECONDS = 1.0
"""Who asks for files to be adopted says that they are there; background work must be surer."""
_CALL_SECONDS_MAX = 60.0
_POLL_SECONDS = 0.05
_BATCH_FILES_MAX = 2_000
_DELETES_AT_ONCE = 500
_KEPT_SECONDS = 100 * 365 * 86_400
"""How far a batch is in must be known as long as its files are there, even of a store that nobody
opens for a year."""
_PAUSE_FACTOR = 20
"""The background looks for files for a twentieth of the time at most, however many folders there
are."""
_INTO_BOTH = "both-"


@dataclass(frozen=True, slots=True)
class AdoptionParts:
    """The services that adoption stands on."""

    groups: FeatureGroups
    definitions: Definitions
    offline: OfflineStore
    delivery: Delivery
    ingestion: Ingestion
    store: OnlineStore
    commits: GroupCommit
    registry: DocumentRegistry
    clock: Clock


class Adoption:
    """Safe to call from many threads and processes; of one group, one call adopts at a time."""

    def __init__(self, parts: AdoptionParts, still_seconds: float) -> None:
        self._parts = parts
        self._notes = AdoptionNotes(parts.registry)
        self._still_seconds = still_seconds
        self._next_look = 0.0
        self._looking_seconds = 0.0

    def adopt(self, group_name: str, targets: TargetStores | None = None) -> FilesAdopted:
        """Adopts all whole files that lie in the group's history; their rows are durable and
        visible at return. Files that were written a moment ago are waited for.

        `targets` includes the offline store; None: as the group's tag says, else only that one.
        Raises ResourceNotFound, ValidationError where the group's history takes no files, and
        ConflictError where another call adopts for longer than a minute.
        """
        group = self._parts.groups.find_for_writing(group_name)
        arrivals = self._parts.offline.arrivals(group)
        if arrivals is None:
            raise ValidationError(
                f"the history of feature group {group.name!r} is no folder of Parquet files, so"
                " none are adopted: commit files to its Iceberg table, or use ingest"
            )
        wanted = _checked_targets(group, targets)
        still_seconds = min(self._still_seconds, _CALL_STILL_SECONDS)
        look = _Look(self._parts, self._notes, group, arrivals, wanted, still_seconds)
        return look.run(_CALL_SECONDS_MAX)

    def adopt_everywhere(self) -> int:
        """One look at all groups; returns 0, since the next one is due after an interval."""
        if time.monotonic() < self._next_look:
            return 0
        self._looking_seconds = 0.0
        noted = {note.group_id for note in self._notes.refused()} | self._notes.overdue().keys()
        for group in self._parts.definitions.live():
            if group.offline is not None and group.is_whole:
                try:
                    self._look_at(group, has_notes=group.group_id in noted)
                except ConflictError:
                    continue  # a call is adopting
                except TandemError as error:
                    _log.error("files in the history of %r: %s", group.name, error)
        self._next_look = time.monotonic() + self._looking_seconds * _PAUSE_FACTOR
        return 0

    def refused(self) -> Sequence[RefusedFile]:
        """The files that are refused and still there, of all groups that are not deleted."""
        return [note for note in self._notes.refused() if self._is_live(note.group_id)]

    def overdue(self) -> Mapping[str, Sequence[WaitingFile]]:
        """By group id, files that had waited for too long at the last look."""
        noted = self._notes.overdue().items()
        return {group_id: files for group_id, files in noted if self._is_live(group_id)}

    def _is_live(self, group_id: str) -> bool:
        group = self._parts.definitions.of_id(group_id)
        return group is not None and group.deleted_at_us is None

    def _look_at(self, group: FeatureGroup, *, has_notes: bool) -> None:
        arrivals = self._parts.offline.arrivals(group)
        if arrivals is None:
            return
        look = _Look(
            self._parts,
            self._notes,
            group,
            arrivals,
            _checked_targets(group, None),
            self._still_seconds,
        )
        began = time.monotonic()
        has_something = look.has_something()
        self._looking_seconds += time.monotonic() - began
        if has_something or has_notes:
            look.run(0.0)


class _Look:
    """One look at the files of one group."""

    def __init__(
        self,
        parts: AdoptionParts,
        notes: AdoptionNotes,
        group: FeatureGroup,
        arrivals: Arrivals,
        targets: TargetStores,
        still_seconds: float,
    ) -> None:
        self._parts = parts
        self._notes = notes
        self._group = group
        self._arrivals = arrivals
        self._targets = targets
        self._still_seconds = still_seconds
        self._adopted: list[AdoptedFile] = []
        self._repeated: list[str] = []

    def has_something(self) -> bool:
        """Whether there are files, or batches that a crash left behind."""
        return self._arrivals.has_batches() or bool(self._found())

    def run(self, wait_seconds: float) -> FilesAdopted:
        """Waits for other calls, and for files that were written a moment ago, up to so long."""
        deadline = time.monotonic() + wait_seconds
        with self._arrivals.alone(wait_seconds) as left_behind:
            for batch in left_behind:
                self._bring_in(batch)
            while True:
                found = self._found()
                ready = [one.path for one in found if self._is_ready(one)][:_BATCH_FILES_MAX]
                if ready:
                    self._bring_in(self._arrivals.take(self._new_batch(), ready))
                elif time.monotonic() < deadline and any(not one.hindrance for one in found):
                    time.sleep(_POLL_SECONDS)
                else:
                    break
            self._forget_removed()
        waiting = tuple(_waiting(one) for one in found)
        overdue = [file for file in waiting if file.is_overdue]
        self._notes.note_overdue(self._group.group_id, overdue)
        return FilesAdopted(
            adopted=tuple(self._adopted),
            repeated=tuple(self._repeated),
            refused=tuple(self._notes.refused(self._group.group_id)),
            waiting=waiting,
        )

    def _found(self) -> Sequence[Arrival]:
        group_id = self._group.group_id
        return self._arrivals.found(lambda: self._parts.delivery.may_have_files_under_way(group_id))

    def _is_ready(self, arrival: Arrival) -> bool:
        return arrival.hindrance is None and arrival.still_seconds >= self._still_seconds

    def _new_batch(self) -> str:
        # Into which stores its rows go is in the name, so that whoever ends it does the same.
        into = _INTO_BOTH if TargetStores.ONLINE in self._targets else ""
        return f"{into}{self._parts.clock():016d}-{secrets.token_hex(4)}"

    def _bring_in(self, batch: Batch) -> None:
        """Takes a batch to its end, from wherever it stands."""
        if not batch.is_sealed:
            batch = self._arrivals.seal(batch.name, without=self._sort_out(batch))
        if not batch.is_done:
            self._check_is_same_group()
            self._ingest(batch)
            self._delete(batch)
            receipts = [_receipt(path, file) for path, file in batch.files.items()]
            self._notes.note_adopted(self._group.group_id, batch.name, receipts)
            self._adopted += receipts
            if receipts:
                _log.info(
                    "%d files in the history of %r were adopted, with %d rows",
                    len(receipts),
                    self._group.name,
                    sum(file.rows for file in receipts),
                )
        self._arrivals.finish(batch.name, lambda: self._forget_marks(batch))

    def _sort_out(self, batch: Batch) -> Sequence[str]:
        """Refuses the bad files of an open batch; returns those whose rows are in already."""
        known = self._notes.adopted(self._group.group_id)
        repeated = []
        for path, file in batch.files.items():
            before = known.get(path)
            if before is None:
                reason = _fault(self._group, file)
            elif _digest(file) == before.digest:
                repeated.append(path)
                continue
            else:
                reason = (
                    "a file of this name was adopted before, and its rows are history: write new"
                    " rows into a file with another name"
                )
            if reason is not None:
                self._refuse(batch, path, reason)
        self._repeated += repeated
        return repeated

    def _refuse(self, batch: Batch, path: str, reason: str) -> None:
        # The note first, since a file without a reason would be a riddle.
        self._notes.note_refused(
            RefusedFile(
                group_id=self._group.group_id,
                path=path,
                kept_at=refused_place(batch.name, path),
                reason=reason,
                since_us=self._parts.clock(),
            )
        )
        self._arrivals.refuse(batch.name, path)
        _log.error(
            "the file %r in the history of %r is refused: %s", path, self._group.name, reason
        )

    def _ingest(self, batch: Batch) -> None:
        options = IngestOptions(
            targets=_targets_of(batch.name),
            ingestion_id=_ingestion_id(batch),
            kept_seconds=_KEPT_SECONDS,
        )
        puts = (
            rows.puts for file in batch.files.values() for rows in foreign_rows(self._group, file)
        )
        self._parts.ingestion.ingest(self._group.name, puts, options)

    def _delete(self, batch: Batch) -> None:
        """Writes the delete markers, behind all other rows of the batch."""
        name = mark_name(self._group.group_id, _deletes_id(batch))
        with self._parts.store.log() as log:
            packed = log.mark(name) or b""
        done = int(packed or b"0")
        deletes = islice(self._deletes(batch), done, None)
        expires_at_ms = self._parts.clock() // 1_000 + _KEPT_SECONDS * 1_000
        while writes := list(islice(deletes, _DELETES_AT_ONCE)):
            done += len(writes)
            after = str(done).encode()
            mark = Mark(name, packed, after, expires_at_ms)
            self._parts.commits.submit([*writes, mark]).result()
            packed = after

    def _deletes(self, batch: Batch) -> Iterator[Write]:
        group, targets = self._group, _targets_of(batch.name)
        for file in batch.files.values():
            for rows in foreign_rows(group, file):
                checked = check_rows(group, rows.deletes, stops_at_first=True)
                for record in records_of(checked.table):
                    yield Write(
                        operation=Operation.SOFT_DELETE,
                        key=RecordKey(group.group_id, record.identifier),
                        event_time=record.event_time,
                        targets=targets,
                        values=record.values,
                        invoked_at_us=self._parts.clock(),
                    )

    def _forget_marks(self, batch: Batch) -> None:
        for ingestion_id in (_ingestion_id(batch), _deletes_id(batch)):
            self._parts.ingestion.forget(self._group, ingestion_id)

    def _forget_removed(self) -> None:
        there = self._arrivals.refused()
        for note in self._notes.refused(self._group.group_id):
            if note.kept_at not in there:
                self._notes.forget_refused(note)

    def _check_is_same_group(self) -> None:
        found = self._parts.groups.find_for_writing(self._group.name)
        if found.group_id != self._group.group_id:
            raise ResourceNotFound(f"feature group {self._group.name!r} was deleted meanwhile")


def _checked_targets(group: FeatureGroup, targets: TargetStores | None) -> TargetStores:
    if targets is None:
        targets = _targets_of_tag(group)
    if TargetStores.OFFLINE not in targets:
        raise ValidationError(
            f"TargetStores {targets.names()} is not valid: files are adopted into the offline"
            " store, and into the online store too where that is named"
        )
    return check_targets(group, targets)


def _targets_of_tag(group: FeatureGroup) -> TargetStores:
    targets = TargetStores.OFFLINE
    for name in group.tags.get(TARGETS_TAG, "").replace(",", " ").split():
        if name not in TARGET_STORES_BY_NAME:
            raise ValidationError(
                f"the tag {TARGETS_TAG!r} of feature group {group.name!r} has {name[:64]!r}:"
                f" use {list(TARGET_STORES_BY_NAME)}"
            )
        targets |= TARGET_STORES_BY_NAME[name]
    return targets


def _targets_of(batch_name: str) -> TargetStores:
    if batch_name.startswith(_INTO_BOTH):
        return TargetStores.ONLINE | TargetStores.OFFLINE
    return TargetStores.OFFLINE


def _ingestion_id(batch: Batch) -> str:
    return f"files/{batch.name}"


def _deletes_id(batch: Batch) -> str:
    return f"files/{batch.name}/deletes"


def _fault(group: FeatureGroup, file: Path) -> str | None:
    """Why no row of the file can be taken; None where all can."""
    first_row = 0
    try:
        for rows in foreign_rows(group, file):
            count = rows.puts.num_rows + rows.deletes.num_rows
            for table in rows:
                for bad in check_rows(group, table, stops_at_first=True).bad_rows:
                    is_counted = not rows.deletes.num_rows
                    row = (
                        f"row {first_row + bad.row}"
                        if is_counted
                        else (f"one of its rows {first_row} to {first_row + count - 1}")
                    )
                    return f"{row} does not fit: {bad.reason}"
            first_row += count
    except ValidationError as error:
        return str(error)
    return None


def _receipt(path: str, file: Path) -> AdoptedFile:
    return AdoptedFile(
        path=path,
        rows=count_rows(file),
        size_bytes=file.stat().st_size,
        digest=_digest(file),
    )


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=32)).hexdigest()


def _waiting(arrival: Arrival) -> WaitingFile:
    return WaitingFile(
        path=arrival.path,
        reason=arrival.hindrance or "it was changed a moment ago, and may not be whole",
        still_seconds=arrival.still_seconds,
    )

"""Batch loads: started, watched, stopped, taken over.

* A load belongs to the process that took it on. When that is gone, however it ended, another one
  takes the load over and goes on behind the last commit: the ingestion's mark makes that exact.
* One load at a time has an ingestion id. What an earlier one has done under it is not done again.
* A load may be stopped from any process; the one that does it looks once a second.
"""

import secrets
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pyarrow as pa

from tandem.errors import ConflictError, ResourceLimitExceeded, ValidationError
from tandem.model.batch_load import BatchLoad, ListedFile, LoadProgress, LoadStatus
from tandem.model.feature_group import FeatureGroup
from tandem.model.targets import TARGET_STORES_BY_NAME, TargetStores
from tandem.service.batch_loads.documents import LoadDocuments, OwnedLoad, position
from tandem.service.batch_loads.endings import ended, stopped
from tandem.service.batch_loads.execution import LoadExecution
from tandem.service.batch_loads.own_buckets import FAILED_ROWS_BUCKET
from tandem.service.batch_loads.places import Places
from tandem.service.batch_loads.request import (
    NewBatchLoad,
    check_forms,
    check_request,
    check_same_input,
)
from tandem.service.batch_loads.runner import LoadRunner
from tandem.service.clock import Clock
from tandem.service.feature_groups import FeatureGroups
from tandem.service.ingestion_mark import KEPT_SECONDS
from tandem.service.presence import Presence
from tandem.service.records import check_targets

ACTIVE_MAX = 1_000
"""Loads that wait or run at one time."""
_RESUMED_SECONDS_MAX = KEPT_SECONDS - 86_400
"""Without its mark, a load that goes on would write rows twice."""
_TOO_LATE = (
    "its process ended, and so long ago that it cannot go on: start another load, with what is"
    " missing"
)


class BatchLoads:
    """Safe to use from many threads."""

    def __init__(
        self,
        documents: LoadDocuments,
        execution: LoadExecution,
        runner: LoadRunner,
        places: Places,
        groups: FeatureGroups,
        presence: Presence,
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._execution = execution
        self._runner = runner
        self._places = places
        self._groups = groups
        self._presence = presence
        self._clock = clock
        self._starting = threading.Lock()

    def start(self, new: NewBatchLoad) -> BatchLoad:
        """Lists the files and takes the load on. Raises ResourceNotFound (the group, or files),
        ValidationError, AccessForbidden where the location is not allowed, and ConflictError where
        the ingestion id is in use, or stands for other files.
        """
        check_request(new)
        group = self._groups.find_for_writing(new.group_name)
        targets = _targets_of(group, new.target_stores)
        files = self._places.files(new.location)
        if new.form is None:
            check_forms(files)
        if new.failed_rows is not None:
            self._places.check_new_file(new.failed_rows)
        load_id = secrets.token_hex(8)
        ingestion_id = new.ingestion_id or load_id
        failed_rows = f"s3://{FAILED_ROWS_BUCKET}/{load_id}/failed-rows.parquet"
        with self._starting:
            earlier = self._earlier(group, ingestion_id, files)
            load = BatchLoad(
                batch_load_id=load_id,
                group_name=group.name,
                group_id=group.group_id,
                location=new.location,
                ingestion_id=ingestion_id,
                failed_rows=new.failed_rows or failed_rows,
                progress=self._first_progress(group, ingestion_id, files, earlier),
                created_at_us=self._clock(),
                form=new.form,
                delimiter=new.delimiter,
                target_stores=tuple(targets.names()),
                on_error=new.on_error,
            )
            self._documents.add(OwnedLoad(load, self._presence.owner), files)
            self._runner.take_on(load)
        return load

    def get(self, load_id: str) -> BatchLoad:
        """Raises ResourceNotFound."""
        return self._runner.live(self._documents.find(load_id).load)

    def page(
        self,
        size: int,
        *,
        group_name: str | None = None,
        status: str | None = None,
        before: tuple[int, str] | None = None,
    ) -> Sequence[BatchLoad]:
        """At most `size` loads, the newest first; those that are older than the position `before`.
        Raises ValidationError for a status that is none.
        """
        if status is not None and status not in list(LoadStatus):
            names = [one.value for one in LoadStatus]
            raise ValidationError(f"status {status[:64]!r} is not valid: use one of {names}")
        found = [
            one.load
            for one in self._documents.all()
            if (group_name is None or one.load.group_name == group_name)
            and (status is None or one.load.status == status)
            and (before is None or position(one.load) < before)
        ]
        return [self._runner.live(load) for load in found[:size]]

    def cancel(self, load_id: str) -> BatchLoad:
        """Stops a load between two commits. Raises ResourceNotFound, and ValidationError where it
        is over.
        """

        def stopping(owned: OwnedLoad) -> OwnedLoad:
            load = owned.load
            if load.status.is_over:
                raise ValidationError(
                    f"batch load {load_id} is {load.status} already: there is nothing to cancel"
                )
            # One that waits has nothing in hand, and may wait for long.
            if load.status is not LoadStatus.QUEUED and self._presence.is_alive(owned.owner):
                return replace(owned, load=replace(load, status=LoadStatus.STOPPING))
            return replace(owned, load=stopped(load, self._clock()))

        self._documents.change(load_id, stopping)
        self._runner.stop(load_id)
        return self.get(load_id)

    def failed_rows(self, load_id: str) -> pa.Table | None:
        """The rows that a load has left out so far, as its file has them; None where there are
        none. Raises ResourceNotFound.
        """
        self._documents.find(load_id)
        return self._documents.failed_rows(load_id).table()

    def resume_abandoned(self) -> int:
        """Takes over the loads of processes that are gone, the oldest first; returns how many.
        Those whose location this process may not read are left to another one.
        """
        taken = 0
        for owned in reversed(self._documents.all()):
            if owned.load.status.is_over or self._presence.is_alive(owned.owner):
                continue
            if not self._places.allows(owned.load.location):
                continue
            with suppress(ConflictError):  # another process was faster
                self._take_over(owned)
                taken += 1
        return taken

    def close(self) -> None:
        """Ends what runs between two commits, and waits for that. Who opens the store next goes on
        with it.
        """
        self._runner.close()

    def _take_over(self, seen: OwnedLoad) -> None:
        def mine(owned: OwnedLoad) -> OwnedLoad:
            if owned != seen:
                raise ConflictError(f"batch load {seen.load.batch_load_id} is somebody's already")
            load, now_us = owned.load, self._clock()
            last_us = max(load.started_at_us or now_us, load.progressed_at_us or 0)
            if load.status is LoadStatus.STOPPING:
                load = stopped(load, now_us)
            elif now_us - last_us > _RESUMED_SECONDS_MAX * 1_000_000:
                load = ended(load, LoadStatus.FAILED, _TOO_LATE, now_us)
            return OwnedLoad(load, self._presence.owner)

        taken = self._documents.change(seen.load.batch_load_id, mine).load
        if not taken.status.is_over:
            self._runner.take_on(taken)

    def _earlier(
        self, group: FeatureGroup, ingestion_id: str, files: tuple[ListedFile, ...]
    ) -> BatchLoad | None:
        """The newest load that has used the ingestion id, if any."""
        loads = [owned.load for owned in self._documents.all()]
        if sum(not load.status.is_over for load in loads) >= ACTIVE_MAX:
            raise ResourceLimitExceeded(
                f"{ACTIVE_MAX} batch loads wait or run already: try again when some have ended"
            )
        for load in loads:
            if (load.group_id, load.ingestion_id) == (group.group_id, ingestion_id):
                if not load.status.is_over:
                    raise ConflictError(
                        f"batch load {load.batch_load_id} has the ingestion id {ingestion_id!r} and"
                        f" is {load.status}: wait for its end or cancel it, or give another id"
                    )
                check_same_input(load, self._documents.files(load.batch_load_id), files)
                return load
        return None

    def _first_progress(
        self,
        group: FeatureGroup,
        ingestion_id: str,
        files: tuple[ListedFile, ...],
        earlier: BatchLoad | None,
    ) -> LoadProgress:
        rows_done = self._execution.rows_done(group.name, ingestion_id)
        if earlier is not None and earlier.progress.rows_done > rows_done:
            raise ConflictError(
                f"batch load {earlier.batch_load_id} has used the ingestion id {ingestion_id!r} so"
                " long ago that it cannot be gone on with: load what is missing, under another id"
            )
        if earlier is None and rows_done:
            # Of which files these are, nobody knows: to pass over as many rows might lose some.
            raise ConflictError(
                f"under the ingestion id {ingestion_id!r}, {rows_done} rows were loaded by"
                " an ingest, or by a batch load that is not kept any more: give another id"
            )
        first = LoadProgress(
            files_total=len(files),
            bytes_total=sum(file.size_bytes for file in files),
            rows_before=rows_done,
            rows_done=rows_done,
        )
        if earlier is None:
            return first
        files_done = earlier.progress.files_done
        return replace(
            first,
            files_done=files_done,
            bytes_done=sum(file.size_bytes for file in files[:files_done]),
            rows_in_files_done=earlier.progress.rows_in_files_done,
        )


def _targets_of(group: FeatureGroup, names: Sequence[str]) -> TargetStores:
    targets = TargetStores(0)
    for name in names:
        if name not in TARGET_STORES_BY_NAME:
            raise ValidationError(
                f"TargetStores {name[:64]!r} is not valid: use {list(TARGET_STORES_BY_NAME)}"
            )
        targets |= TARGET_STORES_BY_NAME[name]
    return check_targets(group, targets if names else None)

"""Batch loads of this process: a bounded pool of threads does them, in the order of their start.

What is known of a load is in the registry from its start, about once a second while it runs, and
at its end. A process that ends leaves its loads as they are there, for another one to go on with.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pyarrow as pa

from tandem.errors import ConflictError, ResourceNotFound, StoreUnavailable, TandemError
from tandem.model.batch_load import BatchLoad, LoadProgress, LoadStatus
from tandem.model.targets import TARGET_STORES_BY_NAME, TargetStores
from tandem.query.priority import give_way
from tandem.service.batch_loads.documents import Change, LoadDocuments, OwnedLoad
from tandem.service.batch_loads.endings import ended, stopped
from tandem.service.batch_loads.execution import LoadExecution, LoadWork
from tandem.service.batch_loads.failed_rows import file_writer
from tandem.service.batch_loads.places import Places
from tandem.service.clock import Clock

_SAVE_SECONDS = 1.0
_RETRY_SECONDS = 1.0
_log = logging.getLogger(__name__)


class LoadStopped(Exception):
    """Ends a load between two commits: somebody stopped it, or this process ends."""


@dataclass(slots=True)
class _Active:
    """A load from when this process takes it on to its end."""

    load_id: str
    progress: LoadProgress
    is_stopped: threading.Event = field(default_factory=threading.Event)
    saving: threading.Lock = field(default_factory=threading.Lock)
    saved_at_seconds: float = 0.0
    future: "Future[None] | None" = None


class LoadRunner:
    """Safe to use from many threads."""

    def __init__(
        self,
        documents: LoadDocuments,
        execution: LoadExecution,
        places: Places,
        clock: Clock,
        at_once: int,
    ) -> None:
        self._documents = documents
        self._execution = execution
        self._places = places
        self._clock = clock
        self._lock = threading.Lock()
        self._active: dict[str, _Active] = {}
        self._is_closed = threading.Event()
        self._threads = ThreadPoolExecutor(
            at_once, thread_name_prefix="tandem-batch-load", initializer=give_way
        )

    def take_on(self, load: BatchLoad) -> None:
        """Does a load that the registry has as this process's."""
        active = _Active(load.batch_load_id, load.progress)
        with self._lock:
            if self._is_closed.is_set():
                return  # whoever opens the store next does it
            self._active[load.batch_load_id] = active
            active.future = self._threads.submit(self._run, active)

    def live(self, load: BatchLoad) -> BatchLoad:
        """A load with what is known of it in this process, which is newer than what is stored."""
        with self._lock:
            active = self._active.get(load.batch_load_id)
        if active is None or load.status.is_over:
            return load
        return replace(load, progress=active.progress)

    def stop(self, load_id: str) -> None:
        """Ends a load soon, if it is one of this process; at once, if it waits."""
        with self._lock:
            active = self._active.get(load_id)
        if active is not None:
            active.is_stopped.set()
            if active.future is not None and active.future.cancel():
                self._end(active, lambda load: stopped(load, self._clock()))

    def close(self) -> None:
        """Ends what runs between two commits, and waits for that."""
        with self._lock:
            self._is_closed.set()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _run(self, active: _Active) -> None:
        try:
            # One whose turn comes while this process ends is left as it is, as those behind it.
            if self._is_closed.is_set() or (load := self._stored(active, self._begun)) is None:
                return
            if load.status is LoadStatus.IN_PROGRESS:
                self._perform(active, load)
            else:
                self._end(active, lambda load: stopped(load, self._clock()))
        except Exception as error:  # noqa: BLE001 - whatever it is, the load ends
            reason = _reason(active, error)
            self._end(active, lambda load: self._over(load, LoadStatus.FAILED, reason))
        finally:
            with self._lock:
                self._active.pop(active.load_id, None)

    def _begun(self, owned: OwnedLoad) -> OwnedLoad:
        load = owned.load
        if load.status is LoadStatus.STOPPING or load.status.is_over:
            return owned
        started_at_us = load.started_at_us or self._clock()
        return replace(
            owned,
            load=replace(load, status=LoadStatus.IN_PROGRESS, started_at_us=started_at_us),
        )

    def _perform(self, active: _Active, load: BatchLoad) -> None:
        work = LoadWork(
            group_name=load.group_name,
            group_id=load.group_id,
            files=self._documents.files(load.batch_load_id),
            ingestion_id=load.ingestion_id,
            failed_folder=str(self._documents.failed_folder(load.batch_load_id)),
            progress=load.progress,
            form=load.form,
            delimiter=load.delimiter,
            target_stores=_targets(load),
            on_error=load.on_error,
        )
        status, reason = LoadStatus.COMPLETED, None
        try:
            self._execution.run(work, lambda progress: self._tell(active, progress))
        except LoadStopped:
            status = LoadStatus.STOPPED
        except Exception as error:  # noqa: BLE001 - whatever it is, the load ends
            status, reason = LoadStatus.FAILED, _reason(active, error)
        # A group that is gone has no mark any more; what was told last stands then.
        with suppress(TandemError, OSError):
            active.progress = self._execution.standing(work, active.progress)
        if status is LoadStatus.STOPPED and not active.is_stopped.is_set():
            self._save(active)  # this process ends, and another one goes on
            return
        if active.progress.rows_failed and (not_written := self._write_failed_rows(load)):
            status = LoadStatus.FAILED
            reason = f"{reason}; {not_written}" if reason else not_written
        self._end(active, lambda load: self._over(load, status, reason))

    def _over(self, load: BatchLoad, status: LoadStatus, reason: str | None) -> BatchLoad:
        if status is LoadStatus.STOPPED:
            return stopped(load, self._clock())
        return ended(load, status, reason, self._clock())

    def _write_failed_rows(self, load: BatchLoad) -> str | None:
        """Returns why the file could not be written, if it could not."""
        try:
            rows = self._documents.failed_rows(load.batch_load_id).table()
            if rows is not None:
                self._places.write(load.failed_rows, file_writer(rows, load.failed_rows))
        except (TandemError, OSError, pa.ArrowException) as error:
            return (
                f"the rows that were left out are kept, but cannot be written to"
                f" {load.failed_rows}: {error}"
            )
        return None

    def _tell(self, active: _Active, progress: LoadProgress) -> None:
        """Called again and again while a load runs, also from a thread that reads ahead."""
        has_moved = progress != active.progress
        active.progress = progress
        if not active.is_stopped.is_set() and has_moved and active.saving.acquire(blocking=False):
            try:
                if time.monotonic() - active.saved_at_seconds >= _SAVE_SECONDS:
                    self._save(active)
            finally:
                active.saving.release()
        if active.is_stopped.is_set() or self._is_closed.is_set():
            raise LoadStopped

    def _save(self, active: _Active) -> None:
        """Stores how far a load has come, and finds out whether another process has stopped it."""
        active.saved_at_seconds = time.monotonic()
        now_us, progress = self._clock(), active.progress

        def with_progress(owned: OwnedLoad) -> OwnedLoad:
            if owned.load.status.is_over:
                return owned
            changed = replace(owned.load, progress=progress, progressed_at_us=now_us)
            return replace(owned, load=changed)

        try:
            saved = self._documents.change(active.load_id, with_progress).load
        except ResourceNotFound:
            active.is_stopped.set()
        except TandemError as error:
            _log.warning("the progress of batch load %s is not stored: %s", active.load_id, error)
        else:
            if saved.status is not LoadStatus.IN_PROGRESS:
                active.is_stopped.set()

    def _end(self, active: _Active, end: Callable[[BatchLoad], BatchLoad]) -> None:
        """Stores how a load ended."""

        def over(owned: OwnedLoad) -> OwnedLoad:
            if owned.load.status.is_over:
                return owned
            progress, now_us = active.progress, self._clock()
            load = replace(owned.load, progress=progress, progressed_at_us=now_us)
            return replace(owned, load=end(load))

        if self._stored(active, over) is not None:
            with suppress(StoreUnavailable):  # the next one that ends does it
                self._documents.trim()
        with self._lock:
            self._active.pop(active.load_id, None)

    def _stored(self, active: _Active, change: Change) -> BatchLoad | None:
        """A load as it is stored, changed; tries until it is. None where it is gone, or this
        process ends: it stays as it was then, and the next process goes on with it.
        """
        while True:
            try:
                return self._documents.change(active.load_id, change).load
            except ResourceNotFound:
                return None
            except (StoreUnavailable, ConflictError) as error:  # a full disk, for instance
                _log.error("the state of batch load %s is not stored: %s", active.load_id, error)
                if self._is_closed.wait(_RETRY_SECONDS):
                    return None


def _reason(active: _Active, error: Exception) -> str:
    if isinstance(error, TandemError | OSError):
        return str(error)
    _log.error("batch load %s failed", active.load_id, exc_info=error)
    return f"{type(error).__name__}: the server's log says more, under this load's id"


def _targets(load: BatchLoad) -> int | None:
    targets = TargetStores(0)
    for name in load.target_stores:
        targets |= TARGET_STORES_BY_NAME[name]
    return int(targets) or None

"""Query executions: statements run beside the callers, in a bounded pool of threads.

    start ─► QUEUED ─► RUNNING ─► result files in S3 ─► SUCCEEDED | FAILED | CANCELLED

* A token names an execution: started again with it, the same is meant, and nothing runs twice.
* Each has a time limit, counted from when it runs. A watch ends what is over it, and goes on
  interrupting what was cancelled until it has ended.
* What is known of an execution is in the registry from its start, and again at its end; what a
  crash cut short is FAILED.
"""

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace

from tandem.errors import (
    QueryCancelled,
    QueryFailed,
    ResourceLimitExceeded,
    StoreUnavailable,
    TandemError,
    ValidationError,
)
from tandem.model.query_execution import (
    NOWHERE,
    ErrorCategory,
    ExecutionState,
    QueryExecution,
    ResultPlace,
)
from tandem.query.athena.statements import AthenaStatement
from tandem.query.cancellation import Cancellation
from tandem.query.memory_limit import memory_exceeded
from tandem.query.priority import give_way
from tandem.service.athena.client_tokens import id_of
from tandem.service.athena.context import Answer, StatementContext
from tandem.service.athena.execution_store import ExecutionStore
from tandem.service.athena.kinds import kind_of
from tandem.service.athena.lake import FilePlace, Lake, location_of
from tandem.service.athena.result_files import ResultFiles, ResultPage, ResultSize
from tandem.service.athena.statements import AthenaStatements
from tandem.service.athena.work_groups import PRIMARY, WorkGroup, WorkGroups
from tandem.service.catalog import DEFAULT_DATABASE
from tandem.service.clock import Clock
from tandem.service.compare_and_set import Overtaken

ACTIVE_MAX = 1_000
"""Executions that wait or run at one time."""
CANCELLED_BY_USER = "Query cancelled"
_STOPPED = "the server is stopping: run the query again"
_CATEGORIES: dict[str, ErrorCategory | None] = {
    CANCELLED_BY_USER: None,
    _STOPPED: ErrorCategory.SYSTEM,
}
_WATCH_SECONDS = 0.05
_CLOSE_SECONDS = 10.0
_ATTEMPTS_TO_END_MAX = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExecution:
    """What a client asks for. `token` is the client's name for this one request."""

    query: str
    token: str
    database: str | None = None
    catalog: str | None = None
    result: ResultPlace = NOWHERE
    work_group: str | None = None
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExecutionLimits:
    """
    at_once           executions that run side by side; others wait
    seconds_max       the longest that one may run
    kept_max          executions that are kept once they are over
    memory_bytes      what the engine may take for all of them
    """

    at_once: int
    seconds_max: float
    kept_max: int
    memory_bytes: int


@dataclass(slots=True)
class _Active:
    execution: QueryExecution
    statement: AthenaStatement
    scanned_bytes_max: int | None
    cancellation: Cancellation = field(default_factory=Cancellation)
    future: "Future[None] | None" = None


class QueryExecutions:
    """Safe to use from many threads."""

    def __init__(
        self,
        store: ExecutionStore,
        statements: AthenaStatements,
        results: ResultFiles,
        lake: Lake,
        work_groups: WorkGroups,
        clock: Clock,
        limits: ExecutionLimits,
    ) -> None:
        self._store = store
        self._statements = statements
        self._results = results
        self._lake = lake
        self._work_groups = work_groups
        self._clock = clock
        self._limits = limits
        self._lock = threading.Lock()
        self._active: dict[str, _Active] = {}
        self._threads = ThreadPoolExecutor(
            limits.at_once, thread_name_prefix="tandem-athena", initializer=give_way
        )
        self._is_closed = threading.Event()
        self._work = threading.Event()
        self._watch: threading.Thread | None = None

    def start(self, new: NewExecution) -> str:
        """The id of the execution. Raises QueryFailed where the statement does not parse, and
        ValidationError where a member does not fit or the token was used for something else.
        """
        execution_id = id_of(new.token)
        group = self._group(new)
        statement = self._statements.read(new.query, group.name, new.parameters)
        kind = kind_of(statement)
        execution = QueryExecution(
            execution_id=execution_id,
            query=new.query,
            statement_type=kind.type,
            kind=kind.name,
            work_group=group.name,
            result=self._result_place(new, group, execution_id, statement),
            submitted_at_us=self._clock(),
            catalog=new.catalog,
            database=new.database,
            parameters=new.parameters,
        )
        active = _Active(execution, statement, group.scanned_bytes_max)
        with self._lock:
            if self._is_closed.is_set():
                raise StoreUnavailable(_STOPPED)
            if execution_id in self._active:
                return _same(self._active[execution_id].execution, execution)
            if len(self._active) >= ACTIVE_MAX:
                raise ResourceLimitExceeded(
                    f"{ACTIVE_MAX} queries wait or run already: try again when some have ended"
                )
            self._active[execution_id] = active
        try:
            self._store.add(execution)
        except Overtaken:
            self._forget(execution_id)
            return _same(self._store.get(execution_id), execution)
        except BaseException:
            self._forget(execution_id)
            raise
        self._submit(active)
        return execution_id

    def get(self, execution_id: str) -> QueryExecution:
        """Raises ResourceNotFound."""
        with self._lock:
            active = self._active.get(execution_id)
            if active is not None:
                return active.execution
        return self._store.get(execution_id)

    def running(self, execution_id: str) -> "Future[None] | None":
        """What is done once the execution is over; None where it does not run in this process."""
        with self._lock:
            active = self._active.get(execution_id)
            return None if active is None else active.future

    def ids(self, work_group: str | None = None) -> Sequence[str]:
        """The executions of a work group, the newest first."""
        name = self._work_groups.get(work_group or PRIMARY).name
        found = [one for one in self._store.all().values() if one.work_group == name]
        found.sort(key=lambda one: (one.submitted_at_us, one.execution_id), reverse=True)
        return [one.execution_id for one in found]

    def stop(self, execution_id: str) -> None:
        """Ends an execution; one that is over stays as it is. Raises ResourceNotFound."""
        with self._lock:
            active = self._active.get(execution_id)
        if active is None:
            if not self._store.get(execution_id).state.is_over:
                raise ValidationError(
                    f"QueryExecution {execution_id} runs in another process: stop it there"
                )
            return
        active.cancellation.cancel(CANCELLED_BY_USER)
        if active.future is not None and active.future.cancel():
            self._end(active, ExecutionState.CANCELLED, CANCELLED_BY_USER)

    def result_page(self, execution_id: str, offset: int, rows_max: int) -> ResultPage:
        """Rows of a result, from a place that an earlier page told. The header is a row of CSV.

        Raises ResourceNotFound, and QueryFailed where there is no result, or not any more.
        """
        execution = self.get(execution_id)
        if execution.state is not ExecutionState.SUCCEEDED:
            if execution.state.is_over:
                raise QueryFailed(
                    f"Query did not finish successfully. Final query state: {execution.state}"
                )
            raise QueryFailed(f"Query has not yet finished. Current state: {execution.state}")
        place = _file_place(execution)
        if not place.key.endswith((".csv", ".txt")):
            return ResultPage([], [], None, execution.output_rows)
        return self._results.page(place, offset, rows_max)

    def interrupt(self) -> None:
        """Gives up what waits or runs, and takes no more."""
        self._is_closed.set()
        with self._lock:
            actives = list(self._active.values())
        for active in actives:
            active.cancellation.cancel(_STOPPED)

    def close(self) -> None:
        """Gives up what waits or runs, and waits until it has ended."""
        self.interrupt()
        self._threads.shutdown(wait=True)
        self._work.set()
        if self._watch is not None:
            self._watch.join(_CLOSE_SECONDS)

    def _group(self, new: NewExecution) -> WorkGroup:
        group = self._work_groups.get(new.work_group or PRIMARY)
        if not group.is_enabled:
            raise ValidationError(f"WorkGroup {group.name} is disabled.")
        return group

    def _result_place(
        self, new: NewExecution, group: WorkGroup, execution_id: str, statement: AthenaStatement
    ) -> ResultPlace:
        """Where this execution's own result goes."""
        of_group = group.result.output_location is not None
        is_groups = of_group and (group.is_enforced or new.result.output_location is None)
        wanted = group.result if is_groups else new.result
        if wanted.output_location is None:
            raise ValidationError(
                "No output location provided. An output location is required either through the"
                " Workgroup result configuration setting or as an API input."
            )
        try:
            folder = location_of(wanted.output_location)
        except ValidationError as error:
            raise ValidationError(f"outputLocation is not a valid S3 path: {error}") from None
        if not self._lake.has_bucket(folder.bucket):
            raise ValidationError(
                f"Unable to verify/create output bucket {folder.bucket}: it does not exist; create"
                " it first"
            )
        if self._lake.is_history(folder):
            raise ValidationError(
                f"outputLocation {folder} is in the history of a feature group: name another place"
            )
        kind = kind_of(statement)
        name = f"tables/{execution_id}" if kind.name == "CREATE_TABLE_AS_SELECT" else execution_id
        place = folder.file(name + kind.extension)
        self._lake.check_writable(place)
        return replace(wanted, output_location=str(place))

    def _submit(self, active: _Active) -> None:
        with self._lock:
            if self._watch is None:
                self._watch = threading.Thread(
                    target=self._watch_over, name="tandem-athena-watch", daemon=True
                )
                self._watch.start()
            try:
                active.future = self._threads.submit(self._run, active)
            except RuntimeError:  # the pool was shut down at this moment
                active.cancellation.cancel(_STOPPED)
        self._work.set()
        if active.future is None:
            self._end(active, ExecutionState.FAILED, _STOPPED, ErrorCategory.SYSTEM)

    def _run(self, active: _Active) -> None:
        try:
            active.cancellation.check()
            active.execution = replace(
                active.execution, state=ExecutionState.RUNNING, started_at_us=self._clock()
            )
            self._perform(active)
            self._end(active, ExecutionState.SUCCEEDED)
        except QueryCancelled as error:
            reason = str(error)
            by_user = reason == CANCELLED_BY_USER
            state = ExecutionState.CANCELLED if by_user else ExecutionState.FAILED
            self._end(active, state, reason, _CATEGORIES.get(reason, ErrorCategory.OTHER))
        except StoreUnavailable as error:
            self._end(active, ExecutionState.FAILED, str(error), ErrorCategory.SYSTEM)
        except TandemError as error:
            self._end(active, ExecutionState.FAILED, str(error), ErrorCategory.USER)
        except MemoryError:
            reason = str(memory_exceeded(self._limits.memory_bytes))
            self._end(active, ExecutionState.FAILED, reason, ErrorCategory.USER)
        except OSError as error:
            reason = f"the data folder cannot be used ({error.strerror or error})"
            self._end(active, ExecutionState.FAILED, reason, ErrorCategory.SYSTEM)
        except Exception:  # noqa: BLE001 - whatever it is, the execution ends
            _log.exception("query execution %s failed", active.execution.execution_id)
            message = (
                "GENERIC_INTERNAL_ERROR: the server's log says more, under query execution"
                f" {active.execution.execution_id}"
            )
            self._end(active, ExecutionState.FAILED, message, ErrorCategory.SYSTEM)

    def _perform(self, active: _Active) -> None:
        execution = active.execution
        place = _file_place(execution)
        context = StatementContext(
            statement_id=execution.execution_id,
            # Some clients put the name in backticks, as Hive's statements have it.
            database=(execution.database or "").strip("`") or DEFAULT_DATABASE,
            work_group=execution.work_group,
            output_location=f"s3://{place.bucket}/{place.key.rpartition('/')[0]}",
            cancellation=active.cancellation,
        )
        with self._statements.perform(active.statement, context) as answer:
            active.execution = replace(
                execution, planned_at_us=self._clock(), scanned_bytes=answer.scanned_bytes
            )
            _check_cutoff(answer, active.scanned_bytes_max)
            written = self._write(place, answer)
        active.execution = replace(
            active.execution,
            output_rows=written.rows,
            output_bytes=written.size_bytes,
            manifest=self._write_manifest(active.execution, place, answer),
        )

    def _write(self, place: FilePlace, answer: Answer) -> ResultSize:
        if place.key.endswith((".csv", ".txt")):
            return self._results.write(place, answer)
        return ResultSize(answer.written_rows or 0, 0)

    def _write_manifest(
        self, execution: QueryExecution, place: FilePlace, answer: Answer
    ) -> str | None:
        if place.key.endswith((".csv", ".txt")):
            return None
        folder = place.key.rpartition("/")[0].removesuffix("tables").rstrip("/")
        name = f"{execution.execution_id}-manifest.csv"
        manifest = FilePlace(place.bucket, f"{folder}/{name}" if folder else name)
        lines = "".join(f"{file}\n" for file in answer.files)
        self._lake.write(manifest, [lines.encode()], "text/csv")
        return str(manifest)

    def _end(
        self,
        active: _Active,
        state: ExecutionState,
        reason: str | None = None,
        category: ErrorCategory | None = None,
    ) -> None:
        active.execution = replace(
            active.execution,
            state=state,
            reason=reason,
            error_category=category,
            is_retryable=category is ErrorCategory.SYSTEM,
            completed_at_us=self._clock(),
        )
        try:
            self._store_end(active.execution)
        except (TandemError, MemoryError):
            # It is FAILED for whoever asks once this process is gone; the result may be there.
            _log.exception("the end of query execution %s", active.execution.execution_id)
        finally:
            self._forget(active.execution.execution_id)

    def _store_end(self, execution: QueryExecution) -> None:
        """Tries again where others have taken the memory: they come to their end, too."""
        for _ in range(_ATTEMPTS_TO_END_MAX):
            with suppress(MemoryError):
                return self._store.end(execution)
            time.sleep(_WATCH_SECONDS)
        return self._store.end(execution)

    def _forget(self, execution_id: str) -> None:
        with self._lock:
            self._active.pop(execution_id, None)

    def _watch_over(self) -> None:
        while True:
            self._work.wait()
            with self._lock:
                actives = list(self._active.values())
                if not actives:
                    self._work.clear()
                    if self._is_closed.is_set():
                        return
            now_us = self._clock()
            for active in actives:
                with suppress(MemoryError):  # what others have taken is given back
                    self._look_at(active, now_us)
            if actives:
                threading.Event().wait(_WATCH_SECONDS)

    def _look_at(self, active: _Active, now_us: int) -> None:
        reason = active.cancellation.reason
        started_at_us = active.execution.started_at_us
        if reason is not None:
            active.cancellation.cancel(reason)
        elif started_at_us is not None and (
            now_us - started_at_us > self._limits.seconds_max * 1_000_000
        ):
            active.cancellation.cancel(
                f"Query timeout: it ran longer than {self._limits.seconds_max:g} seconds, which is"
                " what athena_query_seconds_max allows"
            )


def _same(known: QueryExecution, new: QueryExecution) -> str:
    """The id, where a token that was used before means the same request again."""
    for name in ("query", "database", "catalog", "work_group", "result", "parameters"):
        if getattr(known, name) != getattr(new, name):
            raise ValidationError(
                "Idempotent parameters do not match: ClientRequestToken was used before, with"
                f" another {name}"
            )
    return known.execution_id


def _file_place(execution: QueryExecution) -> FilePlace:
    uri = execution.result.output_location
    assert uri is not None  # set when the execution was made
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return FilePlace(bucket, key)


def _check_cutoff(answer: Answer, scanned_bytes_max: int | None) -> None:
    if scanned_bytes_max is not None and answer.scanned_bytes > scanned_bytes_max:
        raise QueryFailed(
            f"Query cancelled! : Bytes scanned limit was exceeded: {answer.scanned_bytes} bytes"
            f" would be read, and the work group allows {scanned_bytes_max}"
        )

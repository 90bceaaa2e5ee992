"""Executions as documents of the registry: they outlive the process, and the oldest go.

An execution that the registry has as under way while its process is gone was cut short: whoever
meets it ends it as FAILED.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tandem.errors import ConflictError, ResourceNotFound
from tandem.model.query_execution import ErrorCategory, ExecutionState, QueryExecution
from tandem.registry.base import DocumentRegistry
from tandem.service.clock import Clock
from tandem.service.compare_and_set import Overtaken
from tandem.service.presence import Presence
from tandem.service.typed_documents import TypedDocuments

_KIND = "athena-execution"
INTERRUPTED = (
    "the process that ran the query has ended: the server stopped, or queries took more memory than"
    " they may have. Run it again; where it ends so once more, let it read or make less at a time,"
    " or raise query_memory_bytes"
)


@dataclass(frozen=True, slots=True)
class OwnedExecution:
    """An execution and the process that runs it."""

    execution: QueryExecution
    owner: str


class ExecutionStore:
    """At most `kept_max` executions that are over are kept. Safe to use from many threads."""

    def __init__(
        self,
        registry: DocumentRegistry,
        presence: Presence,
        clock: Clock,
        kept_max: int,
        interrupted: str = INTERRUPTED,
    ) -> None:
        """`interrupted` is what is said of an execution whose process is gone."""
        self._documents = TypedDocuments(registry, OwnedExecution, "a query execution")
        self._presence = presence
        self._clock = clock
        self._kept_max = kept_max
        self._interrupted = interrupted
        self._trimming = threading.Lock()
        self._over: dict[str, None] | None = None

    def add(self, execution: QueryExecution) -> None:
        """Raises Overtaken where there is one of this id."""
        owned = OwnedExecution(execution, self._presence.owner)
        self._documents.put(_KIND, execution.execution_id, owned, 0)

    def end(self, execution: QueryExecution) -> None:
        """Stores how an execution of this process ended."""
        owned = OwnedExecution(execution, self._presence.owner)
        self._documents.put(_KIND, execution.execution_id, owned, 1)
        self._trim(execution.execution_id)

    def get(self, execution_id: str) -> QueryExecution:
        """Raises ResourceNotFound."""
        stored = self._documents.find(_KIND, execution_id)
        if stored is None:
            raise ResourceNotFound(f"QueryExecution {execution_id[:128]} was not found")
        return self._ended_if_interrupted(stored.value)

    def all(self) -> Mapping[str, QueryExecution]:
        return {
            name: self._ended_if_interrupted(stored.value)
            for name, stored in self._documents.all(_KIND).items()
        }

    def end_interrupted(self) -> int:
        """Ends the executions of processes that are gone; returns how many."""
        return sum(
            not stored.value.execution.state.is_over
            and self._ended_if_interrupted(stored.value).state.is_over
            for stored in self._documents.all(_KIND).values()
        )

    def _ended_if_interrupted(self, owned: OwnedExecution) -> QueryExecution:
        execution = owned.execution
        if execution.state.is_over or self._presence.is_alive(owned.owner):
            return execution
        ended = replace(
            execution,
            state=ExecutionState.FAILED,
            reason=self._interrupted,
            error_category=ErrorCategory.SYSTEM,
            is_retryable=True,
            completed_at_us=self._clock(),
        )
        try:
            self._documents.put(_KIND, execution.execution_id, replace(owned, execution=ended), 1)
        except Overtaken:
            stored = self._documents.find(_KIND, execution.execution_id)
            return stored.value.execution if stored is not None else ended
        return ended

    def _trim(self, ended_id: str) -> None:
        """Takes the oldest away where there are too many."""
        with self._trimming:
            if self._over is None:
                known = sorted(self.all().values(), key=lambda one: one.submitted_at_us)
                self._over = {one.execution_id: None for one in known if one.state.is_over}
            self._over[ended_id] = None
            while len(self._over) > self._kept_max:
                oldest = next(iter(self._over))
                del self._over[oldest]
                stored = self._documents.find(_KIND, oldest)
                if stored is not None:
                    try:
                        self._documents.remove(_KIND, oldest, stored.revision)
                    except ConflictError:
                        continue  # another process took it away

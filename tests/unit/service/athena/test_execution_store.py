"""Executions that outlive their processes, and how many are kept."""

import pytest

from tandem.errors import ResourceNotFound
from tandem.model.query_execution import (
    NOWHERE,
    ExecutionState,
    QueryExecution,
    StatementType,
)
from tandem.registry.memory import MemoryRegistry
from tandem.service.athena.execution_store import INTERRUPTED, ExecutionStore
from tandem.service.compare_and_set import Overtaken

from .bench import Processes


def execution(number: int, state: ExecutionState = ExecutionState.QUEUED) -> QueryExecution:
    return QueryExecution(
        execution_id=f"e{number}",
        query="SELECT 1",
        statement_type=StatementType.DML,
        kind="SELECT",
        work_group="primary",
        result=NOWHERE,
        submitted_at_us=number,
        state=state,
    )


def test_the_oldest_go_and_those_under_way_stay() -> None:
    store = ExecutionStore(MemoryRegistry(), Processes("me", {"me"}), lambda: 99, kept_max=3)
    store.add(execution(0))
    for number in range(1, 6):
        store.add(execution(number))
        store.end(execution(number, ExecutionState.SUCCEEDED))
    assert sorted(store.all()) == ["e0", "e3", "e4", "e5"]
    with pytest.raises(ResourceNotFound):
        store.get("e1")
    with pytest.raises(Overtaken):
        store.add(execution(0))


def test_whoever_meets_an_interrupted_one_ends_it() -> None:
    registry, living = MemoryRegistry(), {"me", "other"}
    theirs = ExecutionStore(registry, Processes("other", living), lambda: 5, kept_max=3)
    mine = ExecutionStore(registry, Processes("me", living), lambda: 7, kept_max=3)
    theirs.add(execution(1))
    assert mine.get("e1").state is ExecutionState.QUEUED
    assert mine.end_interrupted() == 0
    living.remove("other")
    assert mine.end_interrupted() == 1
    found = mine.get("e1")
    assert (found.state, found.reason) == (ExecutionState.FAILED, INTERRUPTED)
    assert (found.completed_at_us, found.is_retryable) == (7, True)

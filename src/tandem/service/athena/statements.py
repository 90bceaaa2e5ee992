"""Statements performed: the one place where a kind of statement finds its performer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from tandem.query import athena
from tandem.query.athena import statements as kinds
from tandem.query.athena.statements import AthenaStatement
from tandem.service.athena.context import Answer, StatementContext
from tandem.service.athena.relations import Relations

Performer = Callable[[Any, StatementContext], Answer]


class AthenaStatements:
    """`performers` has one for each kind of statement that is no query."""

    def __init__(
        self, relations: Relations, performers: dict[type[AthenaStatement], Performer]
    ) -> None:
        self._relations = relations
        self._performers = performers

    @contextmanager
    def perform(self, statement: AthenaStatement, context: StatementContext) -> Iterator[Answer]:
        """Does what a statement says. Raises QueryFailed, in Athena's words."""
        if isinstance(statement, kinds.Select):
            with self._relations.rows(statement, context) as answer:
                yield answer
        else:
            yield self._performers[type(statement)](statement, context)

    def table(self, statement: str, context: StatementContext) -> pa.Table:
        """What a statement answers, as one table. Raises QueryFailed."""
        with self.perform(athena.parse(statement), context) as answer:
            return pa.Table.from_batches(answer.batches, answer.schema)

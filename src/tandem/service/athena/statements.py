"""Statements performed: the one place where a kind of statement finds its performer."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from tandem.query import athena
from tandem.query.athena import statements as kinds
from tandem.query.athena.statements import AthenaStatement
from tandem.service.athena.context import Answer, StatementContext
from tandem.service.athena.prepared_statements import PreparedStatements
from tandem.service.athena.relations import Relations

Performer = Callable[[Any, StatementContext], Answer]


class AthenaStatements:
    """`performers` has one for each kind of statement that is no query."""

    def __init__(
        self,
        relations: Relations,
        prepared: PreparedStatements,
        performers: dict[type[AthenaStatement], Performer],
    ) -> None:
        self._relations = relations
        self._prepared = prepared
        self._performers = performers

    def read(
        self, statement: str, work_group: str, parameters: Sequence[str] = ()
    ) -> AthenaStatement:
        """What is to be performed: of EXECUTE, the statement that was prepared, with its values.

        Raises QueryFailed.
        """
        found = athena.parse(statement, parameters)
        return (
            self._prepared.bound(found, work_group) if isinstance(found, kinds.Execute) else found
        )

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
        with self.perform(self.read(statement, context.work_group), context) as answer:
            return pa.Table.from_batches(answer.batches, answer.schema)

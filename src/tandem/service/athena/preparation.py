"""PREPARE and DEALLOCATE PREPARE. What EXECUTE means is found before anything is performed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tandem.errors import QueryFailed, ResourceInUse, ResourceNotFound, ValidationError
from tandem.query.athena import statements as kinds
from tandem.query.athena.statements import AthenaStatement
from tandem.service.athena.context import Answer, StatementContext, nothing
from tandem.service.athena.prepared_statements import PreparedStatement, PreparedStatements
from tandem.service.athena.statements import Performer


class PreparationStatements:
    def __init__(self, prepared: PreparedStatements) -> None:
        self._prepared = prepared

    @property
    def performers(self) -> Mapping[type[AthenaStatement], Performer]:
        return {kinds.Prepare: self.prepare, kinds.Deallocate: self.deallocate}

    def prepare(self, statement: kinds.Prepare, context: StatementContext) -> Answer:
        new = PreparedStatement(
            name=statement.name, work_group=context.work_group, query=statement.text
        )
        with _failing():
            self._prepared.create(new)
        return nothing()

    def deallocate(self, statement: kinds.Deallocate, context: StatementContext) -> Answer:
        with _failing():
            self._prepared.delete(statement.name, context.work_group)
        return nothing()


@contextmanager
def _failing() -> Iterator[None]:
    """Refusals are failures of the statement."""
    try:
        yield
    except (ResourceInUse, ResourceNotFound, ValidationError) as error:
        raise QueryFailed(str(error)) from error

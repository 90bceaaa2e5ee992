"""SQL in each dialect that is understood: the engine's own, and Athena's."""

import pyarrow as pa

from tandem.errors import StoreUnavailable
from tandem.query.base import SqlDialect
from tandem.service.athena import Athena
from tandem.service.queries import Queries


class Sql:
    def __init__(self, queries: Queries, athena: Athena) -> None:
        self._queries = queries
        self._athena = athena

    def answer(self, statement: str, dialect: SqlDialect = SqlDialect.DUCKDB) -> pa.Table:
        """What one statement answers. Raises QueryFailed, and StoreUnavailable where the disk is
        full.

        The engine's SQL has SELECT alone; Athena's has whatever Athena has.
        """
        if dialect is SqlDialect.ATHENA:
            try:
                return self._athena.sql(statement)
            except OSError as error:
                raise StoreUnavailable(
                    f"the data folder cannot be used ({error.strerror or error}): free some space"
                    " and try again"
                ) from error
        return self._queries.sql(statement)

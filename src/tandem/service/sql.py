"""SQL in each dialect that is understood: the engine's own, and Athena's."""

import pyarrow as pa

from tandem.query.base import SqlDialect
from tandem.service.athena import Athena
from tandem.service.queries import Queries


class Sql:
    def __init__(self, queries: Queries, athena: Athena) -> None:
        self._queries = queries
        self._athena = athena

    def answer(self, statement: str, dialect: SqlDialect = SqlDialect.DUCKDB) -> pa.Table:
        """What one statement answers. Raises QueryFailed.

        The engine's SQL has SELECT alone; Athena's has whatever Athena has.
        """
        if dialect is SqlDialect.ATHENA:
            return self._athena.sql(statement)
        return self._queries.sql(statement)

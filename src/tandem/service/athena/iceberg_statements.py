"""DELETE, OPTIMIZE and VACUUM: what is done with the rows and files of an Iceberg history."""

from collections.abc import Callable, Mapping

import pyarrow as pa
from sqlglot import exp

from tandem.errors import QueryFailed
from tandem.model.feature_group import FeatureGroup
from tandem.query import athena
from tandem.query.athena import statements as kinds
from tandem.query.athena.statements import AthenaStatement, AthenaTable
from tandem.query.base import HistoryTable, QueryEngine
from tandem.service.athena.context import Answer, StatementContext, nothing
from tandem.service.athena.relations import Relations
from tandem.service.athena.statements import Performer
from tandem.service.iceberg_tables import POSITION, IcebergTables

Positions = Callable[[HistoryTable], pa.ChunkedArray]


class IcebergStatements:
    def __init__(self, relations: Relations, iceberg: IcebergTables, engine: QueryEngine) -> None:
        self._relations = relations
        self._iceberg = iceberg
        self._engine = engine

    @property
    def performers(self) -> Mapping[type[AthenaStatement], Performer]:
        return {
            kinds.Delete: self.delete,
            kinds.Optimize: self.optimize,
            kinds.Vacuum: self.vacuum,
        }

    def delete(self, statement: kinds.Delete, context: StatementContext) -> Answer:
        group = self._group(statement.table, context)
        positions = self._positions(statement.table, statement.rows, context)
        count = self._iceberg.delete(group, positions)
        rows = pa.table({"rows": pa.array([count], pa.int64())})
        return Answer(rows.schema, iter(rows.to_batches()), written_rows=count)

    def optimize(self, statement: kinds.Optimize, context: StatementContext) -> Answer:
        group = self._group(statement.table, context)
        rows = statement.rows
        positions = None if rows is None else self._positions(statement.table, rows, context)
        self._iceberg.optimize(group, positions)
        return nothing()

    def vacuum(self, statement: kinds.Vacuum, context: StatementContext) -> Answer:
        self._iceberg.vacuum(self._group(statement.table, context))
        return nothing()

    def _group(self, table: AthenaTable, context: StatementContext) -> FeatureGroup:
        found = self._relations.find(table, context.database)
        if not isinstance(found, FeatureGroup):
            raise QueryFailed(
                f"NOT_SUPPORTED: Modifying Hive table rows is not supported: {found.database}."
                f"{found.name} is no Iceberg table of a feature group"
            )
        return found

    def _positions(
        self, table: AthenaTable, rows: athena.Select, context: StatementContext
    ) -> Positions:
        """Gives the positions of the rows that a query has, in whatever version it is given."""
        tree = rows.tree.copy()
        tree.set("expressions", [exp.column(POSITION, table=table.table, quoted=True)])
        select = athena.Select(rows.tables, tree)

        def positions(history: HistoryTable) -> pa.ChunkedArray:
            plan = self._relations.plan(select, context.database, {table: history})
            with self._engine.stream(plan.sql, plan.tables, context.cancellation) as found:
                return pa.chunked_array([batch.column(0) for batch in found.batches], pa.int64())

        return positions

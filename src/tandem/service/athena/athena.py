"""Athena as one: its services, built over what the rest of the core has."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import pyarrow as pa

from tandem.errors import ValidationError
from tandem.offline.objects import ObjectStore
from tandem.query.base import QueryEngine
from tandem.registry.base import DocumentRegistry
from tandem.service.athena.alterations import AlterationStatements
from tandem.service.athena.context import StatementContext
from tandem.service.athena.databases import DatabaseStatements
from tandem.service.athena.execution_store import INTERRUPTED, ExecutionStore
from tandem.service.athena.executions import ExecutionLimits, QueryExecutions
from tandem.service.athena.external_tables import ExternalTables
from tandem.service.athena.iceberg_statements import IcebergStatements
from tandem.service.athena.inspection import InspectionStatements
from tandem.service.athena.lake import Lake
from tandem.service.athena.named_queries import NamedQueries
from tandem.service.athena.new_data import DataStatements
from tandem.service.athena.pending_writes import PendingWrites
from tandem.service.athena.preparation import PreparationStatements
from tandem.service.athena.prepared_statements import PreparedStatements
from tandem.service.athena.relations import Relations
from tandem.service.athena.result_files import ResultFiles
from tandem.service.athena.statements import AthenaStatements
from tandem.service.athena.tables import TableStatements
from tandem.service.athena.work_groups import PRIMARY, WorkGroups
from tandem.service.athena.written_data import DataWriting
from tandem.service.catalog import Catalog
from tandem.service.clock import Clock
from tandem.service.iceberg_tables import IcebergTables
from tandem.service.placement import DATABASE
from tandem.service.presence import Presence
from tandem.service.queries import Queries


@dataclass(frozen=True, slots=True)
class AthenaParts:
    """What Athena stands on. `objects` gives the store of S3's objects when it is needed."""

    registry: DocumentRegistry
    catalog: Catalog
    queries: Queries
    iceberg: IcebergTables
    engine: QueryEngine
    objects: Callable[[], ObjectStore]
    clock: Clock


class Athena:
    """`executions`, `work_groups`, `named_queries` and `prepared_statements` are what AWS's
    operations call.
    """

    def __init__(self, parts: AthenaParts, presence: Presence, limits: ExecutionLimits) -> None:
        lake = Lake(parts.objects)
        self._pending = PendingWrites(parts.registry, parts.catalog, lake, presence)
        external = ExternalTables(lake, parts.catalog, self._pending)
        relations = Relations(parts.queries, parts.catalog, external, parts.iceberg, parts.engine)
        self.work_groups = WorkGroups(parts.registry, parts.clock)
        self.named_queries = NamedQueries(parts.registry, self.work_groups)
        self.prepared_statements = PreparedStatements(parts.registry, self.work_groups, parts.clock)
        self._statements = AthenaStatements(
            relations,
            self.prepared_statements,
            {
                **DatabaseStatements(parts.catalog).performers,
                **TableStatements(parts.catalog, relations).performers,
                **AlterationStatements(parts.catalog, relations, lake, parts.iceberg).performers,
                **IcebergStatements(relations, parts.iceberg, parts.engine).performers,
                **InspectionStatements(parts.catalog, relations, parts.iceberg).performers,
                **PreparationStatements(self.prepared_statements).performers,
                **DataStatements(
                    parts.catalog, relations, DataWriting(lake, self._pending)
                ).performers,
            },
        )
        self._store = ExecutionStore(
            parts.registry,
            presence,
            parts.clock,
            limits.kept_max,
            f"{INTERRUPTED}, which is {limits.memory_bytes}",
        )
        self.executions = QueryExecutions(
            self._store,
            self._statements,
            ResultFiles(lake),
            lake,
            self.work_groups,
            parts.clock,
            limits,
        )

    def sql(self, statement: str) -> pa.Table:
        """What one statement answers, as a table; tables without a database are feature groups.

        Raises QueryFailed.
        """
        return self._statements.table(
            statement,
            StatementContext(statement_id=str(uuid4()), database=DATABASE, work_group=PRIMARY),
        )

    def delete_work_group(self, name: str, *, is_recursive: bool) -> None:
        """Deletes a work group with its named queries and prepared statements.

        Raises ResourceNotFound, and ValidationError where it is the primary one, or has any and
        the deletion is not recursive.
        """
        if name != PRIMARY:
            self._empty(name, is_recursive=is_recursive)
        self.work_groups.delete(name)

    def _empty(self, name: str, *, is_recursive: bool) -> None:
        """First what is in it: cut short, the rest is found in the group, and not in a new one."""
        queries = self.named_queries.ids(name)
        if not is_recursive and (queries or self.prepared_statements.all(name)):
            raise ValidationError(
                f"WorkGroup {name} is not empty: delete its named queries and prepared statements,"
                " or set RecursiveDeleteOption"
            )
        self.named_queries.delete_all(name)
        self.prepared_statements.delete_all(name)

    def end_interrupted(self) -> int:
        """Ends what processes that are gone had in hand; returns how much there was."""
        return self._pending.undo_interrupted() + self._store.end_interrupted()

    def interrupt(self) -> None:
        """Gives up executions that are under way; no more begin."""
        self.executions.interrupt()

    def close(self) -> None:
        self.executions.close()

"""ALTER TABLE and MSCK REPAIR TABLE: what the catalog says of a table changes, never its data.

Tables of feature groups follow from their groups: the catalog refuses what would contradict them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tandem.errors import (
    ConflictError,
    QueryFailed,
    ResourceInUse,
    ResourceNotFound,
    ValidationError,
)
from tandem.model.catalog import CatalogColumn, CatalogPartition, CatalogTable
from tandem.query.athena import statements as kinds
from tandem.query.athena.statements import AthenaStatement, AthenaTable, Column
from tandem.query.athena.types import arrow_type
from tandem.service.athena.context import Answer, StatementContext, nothing, rows
from tandem.service.athena.external_tables import default_location
from tandem.service.athena.lake import Lake, Location, location_of
from tandem.service.athena.relations import Relations
from tandem.service.athena.statements import Performer
from tandem.service.catalog import Catalog
from tandem.service.iceberg_tables import IcebergTables

Rule = Callable[[CatalogTable], CatalogTable]


class AlterationStatements:
    def __init__(
        self, catalog: Catalog, relations: Relations, lake: Lake, iceberg: IcebergTables
    ) -> None:
        self._catalog = catalog
        self._relations = relations
        self._lake = lake
        self._iceberg = iceberg

    @property
    def performers(self) -> Mapping[type[AthenaStatement], Performer]:
        return {
            kinds.AddColumns: self.add_columns,
            kinds.ReplaceColumns: self.replace_columns,
            kinds.ChangeColumn: self.change_column,
            kinds.DropColumn: self.drop_column,
            kinds.SetTableProperties: self.set_properties,
            kinds.UnsetTableProperties: self.unset_properties,
            kinds.SetLocation: self.set_location,
            kinds.AddPartitions: self.add_partitions,
            kinds.DropPartitions: self.drop_partitions,
            kinds.RepairTable: self.repair,
        }

    def add_columns(self, statement: kinds.AddColumns, context: StatementContext) -> Answer:
        new = catalog_columns(statement.columns)

        def rule(table: CatalogTable) -> CatalogTable:
            taken = {column.name for column in (*table.columns, *table.partition_keys)}
            if twice := [column.name for column in new if column.name in taken]:
                raise QueryFailed(f"FAILED: SemanticException Duplicate column name: {twice[0]}")
            return replace(table, columns=(*table.columns, *new))

        return self._change(statement.table, context, rule)

    def replace_columns(self, statement: kinds.ReplaceColumns, context: StatementContext) -> Answer:
        new = catalog_columns(statement.columns)
        return self._change(statement.table, context, lambda table: replace(table, columns=new))

    def change_column(self, statement: kinds.ChangeColumn, context: StatementContext) -> Answer:
        (new,) = catalog_columns([statement.new])
        return self._change(
            statement.table,
            context,
            lambda table: replace(table, columns=_exchanged(table, statement.old, [new])),
        )

    def drop_column(self, statement: kinds.DropColumn, context: StatementContext) -> Answer:
        return self._change(
            statement.table,
            context,
            lambda table: replace(table, columns=_exchanged(table, statement.column, [])),
        )

    def set_properties(
        self, statement: kinds.SetTableProperties, context: StatementContext
    ) -> Answer:
        group = self._relations.iceberg_group(statement.table, context.database)
        if group is not None:
            return _done(lambda: self._iceberg.change_properties(group, statement.properties))
        return self._change(
            statement.table,
            context,
            lambda table: replace(table, parameters={**table.parameters, **statement.properties}),
        )

    def unset_properties(
        self, statement: kinds.UnsetTableProperties, context: StatementContext
    ) -> Answer:
        group = self._relations.iceberg_group(statement.table, context.database)
        if group is not None:
            return _done(lambda: self._iceberg.change_properties(group, {}, statement.keys))

        def rule(table: CatalogTable) -> CatalogTable:
            kept = {
                key: value for key, value in table.parameters.items() if key not in statement.keys
            }
            return replace(table, parameters=kept)

        return self._change(statement.table, context, rule)

    def set_location(self, statement: kinds.SetLocation, context: StatementContext) -> Answer:
        location = _uri(statement.location)
        if not statement.partition:
            return self._change(
                statement.table, context, lambda table: replace(table, location=location)
            )
        table = self._relations.catalog_table(statement.table, context.database)
        values = partition_values(table, statement.partition)

        def change() -> None:
            before = self._catalog.partition(table.database, table.name, values)
            after = replace(before, location=location)
            self._catalog.update_partition(table.database, table.name, values, after)

        return _done(change)

    def add_partitions(self, statement: kinds.AddPartitions, context: StatementContext) -> Answer:
        table = self._relations.catalog_table(statement.table, context.database)
        new = [
            _partition(
                table,
                values := partition_values(table, said),
                default_location(table, values) if uri is None else location_of(_uri(uri)),
            )
            for said, uri in statement.partitions
        ]

        def change() -> None:
            failures = self._catalog.create_partitions(table.database, table.name, new)
            if failures and not statement.if_not_exists:
                raise QueryFailed(
                    "FAILED: Execution Error, return code 1. AlreadyExistsException:"
                    f" {failures[0].error}"
                )

        return _done(change)

    def drop_partitions(self, statement: kinds.DropPartitions, context: StatementContext) -> Answer:
        table = self._relations.catalog_table(statement.table, context.database)
        values = [partition_values(table, said) for said in statement.partitions]

        def change() -> None:
            failures = self._catalog.delete_partitions(table.database, table.name, values)
            if failures and not statement.if_exists:
                raise QueryFailed(f"FAILED: SemanticException {failures[0].error}")

        return _done(change)

    def repair(self, statement: kinds.RepairTable, context: StatementContext) -> Answer:
        table = self._relations.catalog_table(statement.table, context.database)
        if not table.partition_keys or table.group_id is not None:
            return nothing()
        known = {one.values for one in self._catalog.partitions(table.database, table.name)}
        found = [values for values in self._found_partitions(table) if values not in known]
        new = [_partition(table, values, default_location(table, values)) for values in found]
        if new:
            self._catalog.create_partitions(table.database, table.name, new)
        shown = [f"{table.name}:{partition_name(table, values)}" for values in found]
        lines = [f"Repair: Added partition to metastore {name}" for name in shown]
        if shown:
            missing = "\t".join(shown)
            lines.insert(0, f"Partitions not in metastore:\t{missing}")
        return rows(result=[*lines])

    def _found_partitions(self, table: CatalogTable) -> list[tuple[str, ...]]:
        """The values of partitions that folders below the location are named by."""
        location = location_of(table.location or "")
        found: dict[tuple[str, ...], None] = {}
        for file in self._lake.files(location):
            folders = file.key[len(location.folder) :].split("/")[: len(table.partition_keys)]
            pairs = [folder.partition("=") for folder in folders]
            names = [name.lower() for name, sign, _ in pairs if sign]
            if names == [key.name for key in table.partition_keys]:
                found[tuple(value for _, _, value in pairs)] = None
        return list(found)

    def _change(self, name: AthenaTable, context: StatementContext, rule: Rule) -> Answer:
        def change() -> None:
            table = self._relations.catalog_table(name, context.database)
            if table.is_view:
                raise QueryFailed(f"FAILED: {table.database}.{table.name} is a view")
            self._catalog.update_table(rule(table), table.version)

        return _done(change)


def partition_name(table: CatalogTable, values: Sequence[str]) -> str:
    """`key=value/key=value`."""
    pairs = zip(table.partition_keys, values, strict=True)
    return "/".join(f"{key.name}={value}" for key, value in pairs)


def partition_values(table: CatalogTable, said: Mapping[str, str]) -> tuple[str, ...]:
    """The values of a PARTITION clause, in the order of the keys. Raises QueryFailed."""
    given = {name.lower(): value for name, value in said.items()}
    keys = [key.name for key in table.partition_keys]
    if sorted(given) != sorted(keys):
        raise QueryFailed(
            f"FAILED: SemanticException Partition spec {dict(said)} does not fit"
            f" {table.database}.{table.name}, whose partition keys are {keys}"
        )
    return tuple(given[key] for key in keys)


def catalog_columns(columns: Sequence[Column]) -> tuple[CatalogColumn, ...]:
    """Columns as the catalog keeps them. Raises QueryFailed where a type is not supported."""
    for column in columns:
        arrow_type(column.type)  # refused now rather than at the first query
    return tuple(
        CatalogColumn(column.name.lower(), column.type, column.comment) for column in columns
    )


def _exchanged(
    table: CatalogTable, name: str, new: Sequence[CatalogColumn]
) -> tuple[CatalogColumn, ...]:
    if name.lower() not in [column.name for column in table.columns]:
        raise QueryFailed(f"FAILED: SemanticException Invalid column reference {name}")
    return tuple(
        one
        for column in table.columns
        for one in (new if column.name == name.lower() else (column,))
    )


def _partition(
    table: CatalogTable, values: tuple[str, ...], location: Location
) -> CatalogPartition:
    return CatalogPartition(
        values=values,
        location=str(location).rstrip("/"),
        columns=table.columns,
        input_format=table.input_format,
        output_format=table.output_format,
        serde=table.serde,
        serde_parameters=table.serde_parameters,
    )


def _uri(text: str) -> str:
    try:
        return str(location_of(text)).rstrip("/")
    except ValidationError as error:
        raise QueryFailed(f"FAILED: {error}") from None


def _done(change: Callable[[], None]) -> Answer:
    try:
        change()
    except (ConflictError, ResourceInUse, ResourceNotFound, ValidationError) as error:
        raise QueryFailed(f"FAILED: Execution Error, return code 1. {error}") from error
    return nothing()

"""What an Athena statement asks for, as frozen values; nothing is executed here.

A name that a statement leaves out (catalog, database) is None: the query's context has it. Names
are as written. The catalog, which keeps them in lower case, compares them without regard to case
(`table_names.folded`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Which moment of a table is read: exactly one of the two is set.

    version   the number of a snapshot, or the name of a tag or branch
    moment    a timestamp as DuckDB SQL, which reads no table: `SELECT <moment>` gives its value
    """

    version: str | None = None
    moment: str | None = None


@dataclass(frozen=True, slots=True)
class AthenaTable:
    """A table as a statement names it.

    metadata   the part behind "$" of `"table$partitions"`: a table about the table
    """

    catalog: str | None
    database: str | None
    table: str
    metadata: str | None = None
    snapshot: Snapshot | None = None

    def __str__(self) -> str:
        name = self.table if self.metadata is None else f"{self.table}${self.metadata}"
        return ".".join(part for part in (self.catalog, self.database, name) if part is not None)


@dataclass(frozen=True, slots=True)
class Column:
    """A column and its type, in the words of the statement's own part of Athena (Hive or Trino)."""

    name: str
    type: str
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Select:
    """A query. `tandem.query.athena.translation` makes DuckDB SQL of it once columns are known.

    tables   the tables that it reads, each once, in order
    """

    tables: tuple[AthenaTable, ...]
    tree: exp.Query = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class CreateDatabase:
    database: str
    if_not_exists: bool
    comment: str | None = None
    location: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DropDatabase:
    database: str
    if_exists: bool
    cascade: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateExternalTable:
    """CREATE [EXTERNAL] TABLE with columns. Types are Hive's, as in Glue.

    stored_as   PARQUET, ORC, TEXTFILE ... where one word names the formats
    """

    table: AthenaTable
    is_external: bool
    if_not_exists: bool
    columns: tuple[Column, ...]
    comment: str | None = None
    partitioned_by: tuple[Column, ...] = ()
    clustered_by: tuple[str, ...] = ()
    bucket_count: int | None = None
    serde: str | None = None
    serde_properties: Mapping[str, str] = field(default_factory=dict)
    stored_as: str | None = None
    input_format: str | None = None
    output_format: str | None = None
    location: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTableAs:
    """CREATE TABLE ... AS. `format` is in upper case; `properties` has all that WITH (...) says."""

    table: AthenaTable
    if_not_exists: bool
    query: Select
    with_data: bool = True
    format: str | None = None
    external_location: str | None = None
    partitioned_by: tuple[str, ...] = ()
    properties: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CreateView:
    """`text` is the query as written."""

    view: AthenaTable
    query: Select
    text: str
    or_replace: bool


@dataclass(frozen=True, slots=True)
class DropView:
    view: AthenaTable
    if_exists: bool


@dataclass(frozen=True, slots=True)
class Unload:
    """The rows of a query as files below `location`. `properties`: format, compression ..."""

    query: Select
    location: str
    properties: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Insert:
    """`columns` is empty where the statement names none: those of the table, in order."""

    table: AthenaTable
    columns: tuple[str, ...]
    query: Select


@dataclass(frozen=True, slots=True)
class Delete:
    """`rows` is the query of the rows that go: all columns of the table."""

    table: AthenaTable
    rows: Select


@dataclass(frozen=True, slots=True)
class Optimize:
    """OPTIMIZE ... REWRITE DATA USING BIN_PACK. `rows` is None, or the query of the rows meant."""

    table: AthenaTable
    rows: Select | None


@dataclass(frozen=True, slots=True)
class Vacuum:
    table: AthenaTable


@dataclass(frozen=True, slots=True)
class Prepare:
    """`text` is the statement behind FROM as written; it parses, and may have `?` in it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Execute:
    """What was prepared as `name`, with SQL values for its `?`."""

    name: str
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deallocate:
    name: str


@dataclass(frozen=True, slots=True)
class ShowDatabases:
    """`pattern` is Hive's: `*` any text, `|` or. None: all."""

    pattern: str | None


@dataclass(frozen=True, slots=True)
class ShowTables:
    database: str | None
    pattern: str | None


@dataclass(frozen=True, slots=True)
class ShowViews:
    database: str | None
    pattern: str | None


@dataclass(frozen=True, slots=True)
class ShowColumns:
    table: AthenaTable


@dataclass(frozen=True, slots=True)
class ShowPartitions:
    table: AthenaTable


@dataclass(frozen=True, slots=True)
class ShowCreateTable:
    """Of a view where `is_view` is set."""

    table: AthenaTable
    is_view: bool


@dataclass(frozen=True, slots=True)
class ShowTableProperties:
    """Of one property where `key` is set."""

    table: AthenaTable
    key: str | None


@dataclass(frozen=True, slots=True)
class Describe:
    """`column` is a column, or a path into one (`col.field`). None: all columns."""

    table: AthenaTable
    is_detailed: bool
    partition: Mapping[str, str]
    column: str | None


@dataclass(frozen=True, slots=True)
class Explain:
    """`options` has TYPE and FORMAT where they are given, in upper case."""

    query: Select
    is_analyze: bool
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DropTable:
    table: AthenaTable
    if_exists: bool


@dataclass(frozen=True, slots=True)
class RepairTable:
    """MSCK REPAIR TABLE: find partitions by listing the table's location."""

    table: AthenaTable


@dataclass(frozen=True, slots=True)
class AddPartitions:
    """Each partition has its values by column, and a location where one is given."""

    table: AthenaTable
    if_not_exists: bool
    partitions: tuple[tuple[Mapping[str, str], str | None], ...]


@dataclass(frozen=True, slots=True)
class DropPartitions:
    table: AthenaTable
    if_exists: bool
    partitions: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class AddColumns:
    table: AthenaTable
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class ReplaceColumns:
    table: AthenaTable
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class ChangeColumn:
    """`old` gets the name, type and comment of `new`."""

    table: AthenaTable
    old: str
    new: Column


@dataclass(frozen=True, slots=True)
class DropColumn:
    table: AthenaTable
    column: str


@dataclass(frozen=True, slots=True)
class SetTableProperties:
    table: AthenaTable
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class UnsetTableProperties:
    table: AthenaTable
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetLocation:
    """Of one partition where `partition` has values."""

    table: AthenaTable
    partition: Mapping[str, str]
    location: str


AthenaStatement = (
    Select
    | CreateDatabase
    | DropDatabase
    | CreateExternalTable
    | CreateTableAs
    | CreateView
    | DropView
    | Unload
    | Insert
    | Delete
    | Optimize
    | Vacuum
    | Prepare
    | Execute
    | Deallocate
    | ShowDatabases
    | ShowTables
    | ShowViews
    | ShowColumns
    | ShowPartitions
    | ShowCreateTable
    | ShowTableProperties
    | Describe
    | Explain
    | DropTable
    | RepairTable
    | AddPartitions
    | DropPartitions
    | AddColumns
    | ReplaceColumns
    | ChangeColumn
    | DropColumn
    | SetTableProperties
    | UnsetTableProperties
    | SetLocation
)

"""What kind of statement it is, as executions tell it, and which file its result goes to."""

from typing import NamedTuple

from tandem.model.query_execution import StatementType
from tandem.query.athena import statements


class StatementKind(NamedTuple):
    """`extension` is that of the result's file; empty where the result is data elsewhere."""

    type: StatementType
    name: str
    extension: str


_DDL, _DML, _UTILITY = StatementType.DDL, StatementType.DML, StatementType.UTILITY
_KINDS: dict[type[statements.AthenaStatement], StatementKind] = {
    statements.Select: StatementKind(_DML, "SELECT", ".csv"),
    statements.CreateDatabase: StatementKind(_DDL, "CREATE_DATABASE", ".txt"),
    statements.DropDatabase: StatementKind(_DDL, "DROP_DATABASE", ".txt"),
    statements.CreateExternalTable: StatementKind(_DDL, "CREATE_TABLE", ".txt"),
    statements.CreateTableAs: StatementKind(_DDL, "CREATE_TABLE_AS_SELECT", ""),
    statements.CreateView: StatementKind(_DDL, "CREATE_VIEW", ".txt"),
    statements.DropView: StatementKind(_DDL, "DROP_VIEW", ".txt"),
    statements.Unload: StatementKind(_DML, "UNLOAD", ""),
    statements.Insert: StatementKind(_DML, "INSERT", ""),
    statements.Delete: StatementKind(_DML, "DELETE", ".csv"),
    statements.Optimize: StatementKind(_DML, "OPTIMIZE", ".csv"),
    statements.Vacuum: StatementKind(_DML, "VACUUM", ".csv"),
    statements.Prepare: StatementKind(_UTILITY, "PREPARE", ".txt"),
    statements.Deallocate: StatementKind(_UTILITY, "DEALLOCATE_PREPARE", ".txt"),
    statements.ShowDatabases: StatementKind(_UTILITY, "SHOW_DATABASES", ".txt"),
    statements.ShowTables: StatementKind(_UTILITY, "SHOW_TABLES", ".txt"),
    statements.ShowViews: StatementKind(_UTILITY, "SHOW_VIEWS", ".txt"),
    statements.ShowColumns: StatementKind(_UTILITY, "SHOW_COLUMNS", ".txt"),
    statements.ShowPartitions: StatementKind(_UTILITY, "SHOW_PARTITIONS", ".txt"),
    statements.ShowCreateTable: StatementKind(_UTILITY, "SHOW_CREATE_TABLE", ".txt"),
    statements.ShowTableProperties: StatementKind(_UTILITY, "SHOW_TBLPROPERTIES", ".txt"),
    statements.Describe: StatementKind(_UTILITY, "DESCRIBE_TABLE", ".txt"),
    statements.Explain: StatementKind(_UTILITY, "EXPLAIN", ".txt"),
    statements.DropTable: StatementKind(_DDL, "DROP_TABLE", ".txt"),
    statements.RepairTable: StatementKind(_DDL, "MSCK_REPAIR_TABLE", ".txt"),
    statements.AddPartitions: StatementKind(_DDL, "ALTER_TABLE_ADD_PARTITION", ".txt"),
    statements.DropPartitions: StatementKind(_DDL, "ALTER_TABLE_DROP_PARTITION", ".txt"),
    statements.AddColumns: StatementKind(_DDL, "ALTER_TABLE_ADD_COLUMNS", ".txt"),
    statements.ReplaceColumns: StatementKind(_DDL, "ALTER_TABLE_REPLACE_COLUMNS", ".txt"),
    statements.ChangeColumn: StatementKind(_DDL, "ALTER_TABLE_CHANGE_COLUMN", ".txt"),
    statements.DropColumn: StatementKind(_DDL, "ALTER_TABLE_DROP_COLUMN", ".txt"),
    statements.SetTableProperties: StatementKind(_DDL, "ALTER_TABLE_SET_PROPERTIES", ".txt"),
    statements.UnsetTableProperties: StatementKind(_DDL, "ALTER_TABLE_UNSET_PROPERTIES", ".txt"),
    statements.SetLocation: StatementKind(_DDL, "ALTER_TABLE_SET_LOCATION", ".txt"),
}


def kind_of(statement: statements.AthenaStatement) -> StatementKind:
    return _KINDS[type(statement)]

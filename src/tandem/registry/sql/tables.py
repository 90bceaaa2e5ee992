"""The registry's tables.

    feature_groups        one row a group, deleted ones included; the definition is a JSON document,
                          and beside it stand the columns that look-ups need; `changed_at` is the
                          version of the definitions at which it last changed, `catalog_table`
                          its database and table in lower case
    aliases               one row an alias: the name of the feature group that it means
    definitions_version   one row: a number that grows with every change of a group or an alias
    documents             small texts by kind and name
    history_files         one row a file of a group's history
    delivered_positions   how far each log partition is in a group's history
    deliveries            how far each log partition is delivered, and which groups are late there
    usage                 one row a group and period (60 or 3,600 seconds): what was counted in it,
                          and the most units of one minute
    schema_version        one row: the version of this layout

The unique index over the names of groups that are not deleted is what makes creation safe between
processes. A file's path is unique in its group, so that no bug upstream can list rows twice.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text, UniqueConstraint

from tandem.model.usage import Peaks, UsageCounts

SCHEMA_VERSION = 4

metadata = MetaData()

schema_version = Table(
    "schema_version", metadata, Column("version", Integer, primary_key=True, autoincrement=False)
)

feature_groups = Table(
    "feature_groups",
    metadata,
    Column("group_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("deleted_at_us", BigInteger),
    Column("definition", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False, server_default="1"),
    Column("catalog_table", Text),
)

_IS_LIVE = feature_groups.c.deleted_at_us.is_(None)

Index(
    "feature_groups_live_name",
    feature_groups.c.name,
    unique=True,
    sqlite_where=_IS_LIVE,
    postgresql_where=_IS_LIVE,
)

Index("feature_groups_changed_at", feature_groups.c.changed_at)
Index("feature_groups_catalog_table", feature_groups.c.catalog_table)

aliases = Table(
    "aliases",
    metadata,
    Column("alias", Text, primary_key=True),
    Column("group_name", Text, nullable=False),
)

definitions_version = Table(
    "definitions_version",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
)

documents = Table(
    "documents",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("content", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
)

history_files = Table(
    "history_files",
    metadata,
    Column("group_id", Text, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("path", Text, nullable=False),
    Column("row_count", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("event_seconds_min", BigInteger, nullable=False),
    Column("event_seconds_max", BigInteger, nullable=False),
    UniqueConstraint("group_id", "path"),
)

delivered_positions = Table(
    "delivered_positions",
    metadata,
    Column("group_id", Text, primary_key=True),
    Column("log_partition", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("log_partition", Integer, primary_key=True, autoincrement=False),
    Column("delivered", BigInteger, nullable=False),
    Column("intent", BigInteger),
    Column("late", Text, nullable=False, server_default="{}"),
)

USAGE_COUNTS = UsageCounts._fields
USAGE_PEAKS = tuple(f"peak_{name}" for name in Peaks._fields)

usage = Table(
    "usage",
    metadata,
    Column("group_id", Text, primary_key=True),
    Column("period_seconds", Integer, primary_key=True, autoincrement=False),
    Column("start_s", BigInteger, primary_key=True, autoincrement=False),
    *(Column(name, BigInteger, nullable=False) for name in (*USAGE_COUNTS, *USAGE_PEAKS)),
)

Index("usage_start", usage.c.period_seconds, usage.c.start_s)

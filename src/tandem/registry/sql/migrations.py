"""Steps from one version of the layout to the next, for registries that an older Tandem made.

A step runs in the transaction that also writes its version: it is done once, or not at all. It says
what it does in SQL of its own, since the tables in `tables` are those of the newest layout.
"""

import json
from collections.abc import Callable, Mapping

from sqlalchemy import Connection, update

from tandem.registry.sql.tables import schema_version


def _to_2(connection: Connection) -> None:
    """Versions of definitions, aliases and documents."""
    for statement in (
        "ALTER TABLE feature_groups ADD COLUMN changed_at BIGINT DEFAULT '1' NOT NULL",
        "CREATE INDEX feature_groups_changed_at ON feature_groups (changed_at)",
        "CREATE TABLE aliases (alias TEXT NOT NULL, group_name TEXT NOT NULL, PRIMARY KEY (alias))",
        "CREATE TABLE definitions_version (version BIGINT NOT NULL, PRIMARY KEY (version))",
        "INSERT INTO definitions_version (version) VALUES (1)",
        """CREATE TABLE documents (
            kind TEXT NOT NULL, name TEXT NOT NULL, content TEXT NOT NULL,
            revision BIGINT NOT NULL, PRIMARY KEY (kind, name)
        )""",
    ):
        connection.exec_driver_sql(statement)


def _to_3(connection: Connection) -> None:
    """Late groups of a delivery; the catalog tables of groups in a column of their own."""
    for statement in (
        "ALTER TABLE deliveries ADD COLUMN late TEXT DEFAULT '{}' NOT NULL",
        "ALTER TABLE feature_groups ADD COLUMN catalog_table TEXT",
        "CREATE INDEX feature_groups_catalog_table ON feature_groups (catalog_table)",
    ):
        connection.exec_driver_sql(statement)
    stored = connection.exec_driver_sql("SELECT group_id, definition FROM feature_groups").all()
    for group_id, definition in stored:
        catalog = (json.loads(definition).get("offline") or {}).get("data_catalog")
        if catalog is not None:
            connection.exec_driver_sql(
                "UPDATE feature_groups SET catalog_table = ? WHERE group_id = ?",
                (f"{catalog['database']}.{catalog['table']}".lower(), group_id),
            )


def _to_4(connection: Connection) -> None:
    """What groups were used for."""
    for statement in (
        """CREATE TABLE usage (
            group_id TEXT NOT NULL, period_seconds INTEGER NOT NULL, start_s BIGINT NOT NULL,
            records_read BIGINT NOT NULL, records_written BIGINT NOT NULL,
            consumed_read_requests_units BIGINT NOT NULL,
            consumed_write_requests_units BIGINT NOT NULL,
            consumed_read_capacity_units BIGINT NOT NULL,
            consumed_write_capacity_units BIGINT NOT NULL,
            throttled_requests BIGINT NOT NULL,
            rows_loaded BIGINT NOT NULL, load_units BIGINT NOT NULL,
            peak_read_units BIGINT NOT NULL, peak_write_units BIGINT NOT NULL,
            PRIMARY KEY (group_id, period_seconds, start_s)
        )""",
        "CREATE INDEX usage_start ON usage (period_seconds, start_s)",
    ):
        connection.exec_driver_sql(statement)


_STEPS: Mapping[int, Callable[[Connection], None]] = {2: _to_2, 3: _to_3, 4: _to_4}


def migrate(connection: Connection, version: int) -> None:
    """Takes a database that has layout `version` through every later step."""
    for next_version in sorted(step for step in _STEPS if step > version):
        _STEPS[next_version](connection)
        connection.execute(update(schema_version).values(version=next_version))

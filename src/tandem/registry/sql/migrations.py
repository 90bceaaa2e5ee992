"""Steps from one version of the layout to the next, for registries that an older Tandem made.

A step runs in the transaction that also writes its version: it is done once, or not at all.
"""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, insert, update

from tandem.registry.sql.tables import (
    aliases,
    definitions_version,
    documents,
    metadata,
    schema_version,
)


def _to_2(connection: Connection) -> None:
    """Versions of definitions, aliases and documents."""
    connection.exec_driver_sql(
        "ALTER TABLE feature_groups ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 1"
    )
    connection.exec_driver_sql(
        "CREATE INDEX feature_groups_changed_at ON feature_groups (changed_at)"
    )
    metadata.create_all(connection, tables=[aliases, definitions_version, documents])
    connection.execute(insert(definitions_version).values(version=1))


_STEPS: Mapping[int, Callable[[Connection], None]] = {2: _to_2}


def migrate(connection: Connection, version: int) -> None:
    """Takes a database that has layout `version` through every later step."""
    for next_version in sorted(step for step in _STEPS if step > version):
        _STEPS[next_version](connection)
        connection.execute(update(schema_version).values(version=next_version))

"""The registry in a SQL database: SQLite, in one file that many processes may share.

    database      connections, transactions, and what the driver's errors mean
    tables        the tables and the version of their layout
    migrations    steps from older layouts
    group_json    a definition as a JSON document
    groups        definitions of feature groups, and aliases
    stamp         the version of the definitions, for all processes of the machine
    documents     small texts by kind and name
    manifests     files of each group's history, and how far delivery has come
    usage         what groups were used for, by minute and by hour

Statements are plain SQL that PostgreSQL runs too; what is SQLite's own sits in `database`.
"""

from pathlib import Path

from tandem.errors import StoreUnavailable
from tandem.registry.base import Registry
from tandem.registry.sql.database import BUSY_TIMEOUT_SECONDS, Database
from tandem.registry.sql.documents import SqlDocumentRegistry
from tandem.registry.sql.groups import SqlGroupRegistry
from tandem.registry.sql.manifests import SqlManifestRegistry
from tandem.registry.sql.stamp import FileStamp
from tandem.registry.sql.usage import SqlUsageRegistry


class SqlRegistry(
    SqlGroupRegistry, SqlManifestRegistry, SqlDocumentRegistry, SqlUsageRegistry, Registry
):
    """Everything in the SQLite database at `path`, made if missing.

    Safe to call from many threads, and from many processes that open the same file. A call that
    another process keeps waiting longer than `busy_timeout_seconds` raises StoreUnavailable.
    """

    def __init__(self, path: Path, *, busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS) -> None:
        self._database = Database(path, busy_timeout_seconds)
        try:
            self.stamp = self._file_stamp = FileStamp(path.with_suffix(".stamp"))
        except OSError as error:
            self._database.close()
            raise StoreUnavailable(f"the registry's stamp cannot be opened: {error}") from error

    def close(self) -> None:
        self._database.close()

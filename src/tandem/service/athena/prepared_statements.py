"""Prepared statements: kept under a name in a work group, with `?` for values that come later.

A statement is checked when it is prepared, so that EXECUTE meets none that does not parse. Names
are compared as they are written.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tandem.errors import QueryFailed, ResourceInUse, ResourceNotFound, ValidationError
from tandem.query import athena
from tandem.query.athena.statements import AthenaStatement, Execute
from tandem.registry.base import DocumentRegistry
from tandem.service.athena.work_groups import WorkGroups
from tandem.service.clock import Clock
from tandem.service.compare_and_set import Overtaken, until_unopposed
from tandem.service.typed_documents import TypedDocuments

STATEMENTS_PER_GROUP_MAX = 1_000
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_@:]{1,255}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedStatement:
    """`changed_at_us` is given by the store."""

    name: str
    work_group: str
    query: str
    description: str | None = None
    changed_at_us: int = 0


class PreparedStatements:
    """All raise ResourceNotFound where a statement or its work group is not there."""

    def __init__(self, registry: DocumentRegistry, work_groups: WorkGroups, clock: Clock) -> None:
        self._documents = TypedDocuments(registry, PreparedStatement, "a prepared statement")
        self._work_groups = work_groups
        self._clock = clock

    def create(self, statement: PreparedStatement) -> None:
        """Keeps a new statement. Raises QueryFailed where it cannot be prepared, ResourceInUse
        where there is one of its name, and ValidationError where the name does not fit or the
        work group is full.
        """
        name, group = statement.name, statement.work_group
        self._work_groups.get(group)
        if not _NAME.fullmatch(name):
            raise ValidationError(
                f"StatementName {name[:128]!r} is not valid: 2 to 256 letters, digits, '_', '@' and"
                " ':', of which the first is a letter or '_'"
            )
        athena.check_preparable(statement.query)
        if len(self._documents.all(_kind(group))) >= STATEMENTS_PER_GROUP_MAX:
            raise ValidationError(
                f"WorkGroup {group} has {STATEMENTS_PER_GROUP_MAX} prepared statements: delete some"
            )
        try:
            self._documents.put(_kind(group), name, self._stamped(statement), 0)
        except Overtaken:
            raise ResourceInUse(
                f"PreparedStatement {name} already exists in workGroup {group}"
            ) from None

    def get(self, name: str, work_group: str) -> PreparedStatement:
        self._work_groups.get(work_group)
        return self._found(name, work_group)[0]

    def all(self, work_group: str) -> Sequence[PreparedStatement]:
        """Those of a work group, in the order of their names."""
        self._work_groups.get(work_group)
        return [stored.value for stored in self._documents.all(_kind(work_group)).values()]

    def update(self, statement: PreparedStatement) -> None:
        """Replaces a statement of this name; its description stays where none is given. Raises
        QueryFailed where the new one cannot be prepared.
        """
        name, group = statement.name, statement.work_group
        self._work_groups.get(group)
        athena.check_preparable(statement.query)

        def change() -> None:
            before, revision = self._found(name, group)
            described = statement.description or before.description
            after = replace(self._stamped(statement), description=described)
            self._documents.put(_kind(group), name, after, revision)

        until_unopposed(f"prepared statement {name}", change)

    def delete(self, name: str, work_group: str) -> None:
        self._work_groups.get(work_group)

        def change() -> None:
            _, revision = self._found(name, work_group)
            self._documents.remove(_kind(work_group), name, revision)

        until_unopposed(f"prepared statement {name}", change)

    def delete_all(self, work_group: str) -> None:
        self._documents.remove_all(_kind(work_group))

    def bound(self, execute: Execute, work_group: str) -> AthenaStatement:
        """The statement that EXECUTE means, with its values. Raises QueryFailed."""
        try:
            found = self.get(execute.name, work_group)
        except ResourceNotFound as error:
            raise QueryFailed(str(error)) from error
        return athena.parse(found.query, execute.parameters)

    def _stamped(self, statement: PreparedStatement) -> PreparedStatement:
        return replace(statement, changed_at_us=self._clock())

    def _found(self, name: str, work_group: str) -> tuple[PreparedStatement, int]:
        stored = self._documents.find(_kind(work_group), name)
        if stored is None:
            raise ResourceNotFound(
                f"PreparedStatement {name[:256]} was not found in workGroup {work_group}"
            )
        return stored.value, stored.revision


def _kind(work_group: str) -> str:
    return f"athena-prepared-statements of {work_group}"

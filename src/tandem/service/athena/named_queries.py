"""Named queries: statements kept under a name, to be found and run later."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from tandem.errors import ResourceNotFound, ValidationError
from tandem.registry.base import DocumentRegistry
from tandem.service.athena.client_tokens import id_of
from tandem.service.athena.work_groups import PRIMARY, WorkGroups
from tandem.service.compare_and_set import Overtaken, until_unopposed
from tandem.service.typed_documents import TypedDocuments

_KIND = "athena-named-query"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedQuery:
    query_id: str
    name: str
    database: str
    query: str
    work_group: str = PRIMARY
    description: str | None = None


class NamedQueries:
    """All raise ResourceNotFound where a query or its work group is not there."""

    def __init__(self, registry: DocumentRegistry, work_groups: WorkGroups) -> None:
        self._documents = TypedDocuments(registry, NamedQuery, "a named query")
        self._work_groups = work_groups

    def create(self, query: NamedQuery, token: str) -> str:
        """Keeps a query under the id that a token stands for, whatever id it has; returns that id.

        Raises ValidationError where the token was used for another query.
        """
        self._work_groups.get(query.work_group)
        made = replace(query, query_id=id_of(token))
        try:
            self._documents.put(_KIND, made.query_id, made, 0)
        except Overtaken:
            if self.get(made.query_id) != made:
                raise ValidationError(
                    "Idempotent parameters do not match: ClientRequestToken was used before, for"
                    " another named query"
                ) from None
        return made.query_id

    def get(self, query_id: str) -> NamedQuery:
        return self._found(query_id)[0]

    def ids(self, work_group: str) -> Sequence[str]:
        """Those of a work group, in the order of the ids."""
        self._work_groups.get(work_group)
        return [
            query_id
            for query_id, stored in self._documents.all(_KIND).items()
            if stored.value.work_group == work_group
        ]

    def update(self, query_id: str, name: str, description: str | None, query: str) -> None:
        def change() -> None:
            before, revision = self._found(query_id)
            text = before.description if description is None else description
            after = replace(before, name=name, description=text, query=query)
            self._documents.put(_KIND, query_id, after, revision)

        until_unopposed(f"named query {query_id}", change)

    def delete(self, query_id: str) -> None:
        def change() -> None:
            _, revision = self._found(query_id)
            self._documents.remove(_KIND, query_id, revision)

        until_unopposed(f"named query {query_id}", change)

    def delete_all(self, work_group: str) -> None:
        for query_id in self.ids(work_group):
            with suppress(ResourceNotFound):
                self.delete(query_id)

    def _found(self, query_id: str) -> tuple[NamedQuery, int]:
        stored = self._documents.find(_KIND, query_id)
        if stored is None:
            raise ResourceNotFound(f"NamedQuery {query_id[:128]} was not found")
        return stored.value, stored.revision

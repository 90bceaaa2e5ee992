"""The tables of feature groups in the data catalog: derived from the definitions, not stored.

* Every group whose Glue table is not disabled is a table, in the database and under the name that
  its definition says; a deleted group's too, since its history stays.
* Of groups that say one name, the newest that is not deleted is the table, else the newest.
* What a user says of such a table is a document. So is that a user dropped it: the history stays,
  the group goes on, and the catalog does not show the table until it is created again where it was.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tandem.errors import ConflictError, ResourceNotFound, ValidationError
from tandem.model.catalog import (
    METADATA_LOCATION,
    PREVIOUS_METADATA_LOCATION,
    CatalogPartition,
    CatalogTable,
)
from tandem.model.catalog_history import (
    Annotations,
    annotations_of,
    history_partitions,
    history_table,
    place_of,
)
from tandem.model.feature_group import FeatureGroup
from tandem.offline.base import OfflineStore
from tandem.registry.base import DocumentRegistry, ManifestRegistry
from tandem.service.clock import Clock
from tandem.service.compare_and_set import until_unopposed
from tandem.service.definitions import Definitions
from tandem.service.typed_documents import Stored, TypedDocuments

_KIND = "catalog-history"
_NOTHING_SAID: Stored[Annotations] = Stored(Annotations(), 0)
_METADATA_NUMBER = re.compile(r"/(\d+)-[^/]*\Z", re.ASCII)

Place = tuple[str, str]
"""A database and the name of a table in it, both in lower case."""


class HistoryTables:
    def __init__(
        self,
        documents: DocumentRegistry,
        manifests: ManifestRegistry,
        definitions: Definitions,
        offline: OfflineStore,
        clock: Clock,
    ) -> None:
        self._annotations = TypedDocuments(documents, Annotations, "annotations of a history")
        self._manifests = manifests
        self._definitions = definitions
        self._offline = offline
        self._clock = clock
        self._known: tuple[
            Sequence[FeatureGroup], Sequence[FeatureGroup], Mapping[Place, FeatureGroup]
        ] = ((), (), {})

    def databases(self) -> set[str]:
        """The databases that tables of groups are in."""
        said = self._annotations.all(_KIND)
        return {place[0] for place, _ in self._shown(said)}

    def has_any(self, database: str) -> bool:
        """Whether a table of a group is in this database."""
        return any(place[0] == database for place in self._places()) and (
            database in self.databases()
        )

    def tables(self, database: str) -> list[CatalogTable]:
        """The tables in a database, in no order."""
        said = self._annotations.all(_KIND)
        return [
            self._table(group, said.get(group.group_id, _NOTHING_SAID))
            for place, group in self._shown(said)
            if place[0] == database
        ]

    def find(self, database: str, name: str) -> CatalogTable | None:
        """The group's table of this name, unless it was dropped."""
        group = self._places().get((database, name))
        if group is None:
            return None
        said = self._said(group)
        return None if said.value.is_dropped else self._table(group, said)

    def restore(self, table: CatalogTable) -> bool:
        """Shows a table that was dropped, if `table` has its place and its location; returns
        whether it was so.
        """
        group = self._places().get((table.database, table.name))
        if group is None:
            return False
        said = self._said(group)
        location = (table.location or "").rstrip("/")
        if not said.value.is_dropped or location != self._table(group, said).location:
            return False
        self._put(group, annotations_of(table, self._clock()), said.revision)
        return True

    def update(self, table: CatalogTable, expected_version: int | None) -> CatalogTable:
        """Keeps what `table` says beyond what follows from the group, and makes a new version of an
        Iceberg table current.

        Raises ValidationError where it says something else of what follows from the group, and
        ConflictError where the table is another version than the expected one.
        """

        def change() -> CatalogTable:
            group = self._group_of(table)
            said = self._said(group)
            if said.value.is_dropped:
                raise _not_there(table)
            current = self._table(group, said)
            if expected_version is not None and expected_version != current.version:
                raise _stale(table, f"version {expected_version}", f"version {current.version}")
            if current.is_iceberg:
                self._adopt(group, current, table)
            else:
                _check_same(current, table)
            self._put(group, annotations_of(table, self._clock()), said.revision)
            return self._table(group, self._said(group))

        return until_unopposed(f"table {table.database}.{table.name}", change)

    def drop(self, table: CatalogTable) -> None:
        """Hides the table. The history stays, and so does what was said of the table."""

        def change() -> None:
            group = self._group_of(table)
            said = self._said(group)
            if said.value.is_dropped:
                raise _not_there(table)
            self._put(group, replace(said.value, is_dropped=True), said.revision)

        until_unopposed(f"table {table.database}.{table.name}", change)

    def partitions(self, table: CatalogTable) -> list[CatalogPartition]:
        """The partitions of a group's table, in the order of their values."""
        if table.is_iceberg or table.group_id is None:
            return []
        return history_partitions(table, self._manifests.manifest(table.group_id))

    def _adopt(self, group: FeatureGroup, current: CatalogTable, table: CatalogTable) -> None:
        """Makes the version that `table` names current, where it is another."""
        newest = current.parameters.get(METADATA_LOCATION)
        named = table.parameters.get(METADATA_LOCATION)
        if named is None or named == newest:
            return
        before = table.parameters.get(PREVIOUS_METADATA_LOCATION, newest)
        shared = self._offline.shared(group)
        if newest is None or before != newest or shared is None:
            raise _stale(table, before, newest)
        shared.adopt(group, newest, named)

    def _shown(
        self, said: Mapping[str, Stored[Annotations]]
    ) -> Iterator[tuple[Place, FeatureGroup]]:
        for place, group in self._places().items():
            if not said.get(group.group_id, _NOTHING_SAID).value.is_dropped:
                yield place, group

    def _places(self) -> Mapping[Place, FeatureGroup]:
        """The group whose history is the table in each place."""
        live, deleted = self._definitions.live(), self._definitions.deleted()
        if self._known[0] is not live or self._known[1] is not deleted:
            places: dict[Place, FeatureGroup] = {}
            for groups in (deleted, live):
                for group in sorted(groups, key=lambda group: group.created_at_us):
                    if (place := place_of(group)) is not None:
                        places[place] = group
            self._known = (live, deleted, places)
        return self._known[2]

    def _group_of(self, table: CatalogTable) -> FeatureGroup:
        group = self._places().get((table.database, table.name))
        if group is None:
            raise _not_there(table)
        return group

    def _table(self, group: FeatureGroup, said: Stored[Annotations]) -> CatalogTable:
        location, version = None, said.revision
        if (shared := self._offline.shared(group)) is not None:
            location = shared.metadata_location(group)
            found = _METADATA_NUMBER.search(location or "")
            # Both numbers only grow, so their sum is another one after every change.
            version += 0 if found is None else int(found[1]) + 1
        return history_table(group, said.value, version, location)

    def _said(self, group: FeatureGroup) -> Stored[Annotations]:
        return self._annotations.find(_KIND, group.group_id) or _NOTHING_SAID

    def _put(self, group: FeatureGroup, said: Annotations, expected: int) -> None:
        self._annotations.put(_KIND, group.group_id, said, expected)


def _check_same(current: CatalogTable, table: CatalogTable) -> None:
    """Raises ValidationError where `table` would be read otherwise than the history is."""
    columns = [(column.name, column.type) for column in table.columns]
    keys = [(key.name, key.type) for key in table.partition_keys]
    for member, said, follows in (
        ("Columns", columns, [(column.name, column.type) for column in current.columns]),
        ("PartitionKeys", keys, [(key.name, key.type) for key in current.partition_keys]),
        ("Location", (table.location or "").rstrip("/"), current.location),
        ("InputFormat", table.input_format, current.input_format),
        ("OutputFormat", table.output_format, current.output_format),
        ("SerializationLibrary", table.serde, current.serde),
    ):
        if said != follows:
            raise ValidationError(
                f"table {table.database}.{table.name} is the history of a feature group, so its"
                f" {member} are {follows!r:.512}: leave them as they are. A feature is added with"
                " UpdateFeatureGroup"
            )


def _not_there(table: CatalogTable) -> ResourceNotFound:
    return ResourceNotFound(f"there is no table {table.database}.{table.name}")


def _stale(table: CatalogTable, said: str | None, current: str | None) -> ConflictError:
    return ConflictError(
        f"the change of table {table.database}.{table.name} is based on {said}, but it has come to"
        f" {current}: read the table again"
    )

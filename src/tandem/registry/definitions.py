"""What every registry says of definitions in the same words: their order, and what is refused."""

from collections.abc import Iterable

from tandem.errors import ConflictError, ResourceInUse, ResourceNotFound
from tandem.model.feature_group import FeatureGroup


def by_name(groups: Iterable[FeatureGroup]) -> tuple[FeatureGroup, ...]:
    """`groups` by name; of deleted ones with the same name, the oldest first.

    Sorted here and not by the database, whose collation may differ from one to the next.
    """
    return tuple(
        sorted(groups, key=lambda group: (group.name, group.created_at_us, group.group_id))
    )


def name_taken(group: FeatureGroup) -> ResourceInUse:
    return ResourceInUse(
        f"Resource Already Exists: a feature group with the name {group.name!r} already exists:"
        " choose a different name"
    )


def group_id_taken(group: FeatureGroup) -> ConflictError:
    return ConflictError(
        f"the id {group.group_id!r} was used before and is never used again:"
        " create the feature group a second later"
    )


def catalog_table(group: FeatureGroup) -> tuple[str, str] | None:
    """Database and table of the group's history in the catalog, which knows no upper case."""
    catalog = group.offline.data_catalog if group.offline is not None else None
    return None if catalog is None else (catalog.database.lower(), catalog.table.lower())


def table_taken(group: FeatureGroup) -> ConflictError:
    return ConflictError(
        f"the catalog table {'.'.join(catalog_table(group) or ())!r} is another feature group's:"
        f" create {group.name!r} a second later"
    )


def group_not_found(group: FeatureGroup) -> ResourceNotFound:
    return ResourceNotFound(f"no feature group has the id {group.group_id!r}")


def revision_conflict(group: FeatureGroup, stored_revision: int) -> ConflictError:
    return ConflictError(
        f"feature group {group.name!r} stands at revision {stored_revision},"
        f" so it cannot be replaced by revision {group.revision}:"
        " somebody else changed it; read it again"
    )


def name_is_alias(name: str) -> ResourceInUse:
    return ResourceInUse(
        f"{name!r} is an alias: choose another name for the feature group, or remove the alias"
    )


def alias_is_group(alias: str) -> ResourceInUse:
    return ResourceInUse(f"a feature group is called {alias!r}: choose another name for the alias")


def alias_target_not_found(group_name: str) -> ResourceNotFound:
    return ResourceNotFound(f"there is no feature group {group_name!r} that the alias could name")


def alias_not_found(alias: str) -> ResourceNotFound:
    return ResourceNotFound(f"there is no alias {alias!r}")


def group_has_aliases(group: FeatureGroup, aliases: Iterable[str]) -> ResourceInUse:
    return ResourceInUse(
        f"feature group {group.name!r} is named by the aliases {sorted(aliases)}:"
        " switch or remove them first"
    )


def document_conflict(kind: str, name: str, expected: int) -> ConflictError:
    return ConflictError(
        f"the {kind} {name!r} does not stand at revision {expected}:"
        " somebody else changed it; read it again"
    )

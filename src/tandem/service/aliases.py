"""Aliases: a name that readers use, and that is switched from one feature group to another at once.

An alias stands for a group in reads, SQL and training sets; writers name the group itself. So a
group with another schema can be built and filled beside the old one, and put in its place with one
change in the registry.
"""

from collections.abc import Mapping

from tandem.errors import ValidationError
from tandem.model.definition import check_group_name
from tandem.model.feature_group import FeatureGroupStatus
from tandem.registry.base import GroupRegistry
from tandem.service.definitions import Definitions


class Aliases:
    def __init__(self, registry: GroupRegistry, definitions: Definitions) -> None:
        self._registry = registry
        self._definitions = definitions

    def set(self, alias: str, group_name: str) -> None:
        """Lets `alias` stand for the feature group from now on, whatever it stood for before.

        Readers see it at once, in every process. Raises
        ValidationError (also where the group is not in status Created, since its readers would
        fail), ResourceNotFound (no such group), and ResourceInUse where a group is called like the
        alias.
        """
        check_group_name(alias, "alias")
        group = self._definitions.find(group_name)
        if group is not None and group.status is not FeatureGroupStatus.CREATED:
            raise ValidationError(
                f"feature group {group_name!r} is in status {group.status}, so readers of the alias"
                f" {alias!r} could not use it: choose one that is Created"
            )
        self._registry.set_alias(alias, group_name)

    def remove(self, alias: str) -> None:
        """Raises ResourceNotFound where there is no such alias."""
        self._registry.set_alias(alias, None)

    def all(self) -> Mapping[str, str]:
        """The feature group's name by alias."""
        return self._definitions.aliases()

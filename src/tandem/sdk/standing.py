"""What a store holds of the things that declarations name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tandem.model.feature_group import FeatureGroup
from tandem.sdk.backend import Backend
from tandem.sdk.declaration import Declared, DeclaredAlias


@dataclass(frozen=True)
class Standing:
    """Feature groups by name, whole: with retired features, tags and what is said of features.
    The feature group's name by alias.
    """

    groups: Mapping[str, FeatureGroup] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)


def standing(backend: Backend, declared: Sequence[Declared]) -> Standing:
    names = {one.feature_group for one in declared}
    # An alias must not be called as a feature group is.
    names |= {one.alias for one in declared if isinstance(one, DeclaredAlias)}
    groups = (group for name in sorted(names) for group in _found(backend, name))
    return Standing({group.name: group for group in groups}, dict(backend.groups.aliases()))


def _found(backend: Backend, name: str) -> Sequence[FeatureGroup]:
    named = {"Filters": [{"Name": "FeatureGroupName", "Operator": "Equals", "Value": name}]}
    found = backend.groups.search(named)
    metadata = {one.name: one.metadata for one in backend.features.search(named)}
    retired = backend.features.retired(name) if found else ()
    metadata |= {one.definition.name: one.metadata for one in retired}
    hidden = tuple(one.definition for one in retired)
    return [replace(group, features=group.features + hidden, metadata=metadata) for group in found]

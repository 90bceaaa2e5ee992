"""The steps of a plan. What a step does is a value, so that it can be tried on a definition before
it is done to a store.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tandem.model import changes
from tandem.model.changes import GroupUpdate, MetadataUpdate
from tandem.model.definition import check_definition
from tandem.model.feature_group import FeatureGroup, FeatureMetadata
from tandem.sdk.backend import Backend
from tandem.service.group_creation import NewFeatureGroup


@dataclass(frozen=True)
class CreateGroup:
    new: NewFeatureGroup


@dataclass(frozen=True)
class UpdateGroup:
    name: str
    update: GroupUpdate


@dataclass(frozen=True)
class DescribeFeature:
    """What is to be said of a feature; None leaves it as it is.

    It is compared with what is said when the step is done, which others may have changed since the
    plan was made.
    """

    group_name: str
    feature: str
    description: str | None
    parameters: Mapping[str, str] | None

    def update(self, said: FeatureMetadata | None) -> MetadataUpdate:
        """What is to be changed of what is said; an empty update where nothing is."""
        before = said.parameters if said else {}
        after = before if self.parameters is None else self.parameters
        description = (said.description if said else None) or ""
        return MetadataUpdate(
            description=self.description if self.description != description else None,
            additions=tuple(pair for pair in after.items() if before.get(pair[0]) != pair[1]),
            removals=tuple(key for key in before if key not in after),
        )


@dataclass(frozen=True)
class RetireFeature:
    group_name: str
    feature: str


@dataclass(frozen=True)
class RestoreFeature:
    group_name: str
    feature: str


@dataclass(frozen=True)
class AddTags:
    group_name: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class RemoveTags:
    group_name: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class SetAlias:
    alias: str
    group_name: str


GroupChange = UpdateGroup | DescribeFeature | RetireFeature | RestoreFeature | AddTags | RemoveTags
Action = CreateGroup | GroupChange | SetAlias


@dataclass(frozen=True)
class Step:
    """One change. `sign` is + for what is new, ~ for what changes and - for what goes."""

    target: str
    sign: str
    what: str
    action: Action

    def __str__(self) -> str:
        return f"{self.sign} {self.target}: {self.what}"


def after_creation(new: NewFeatureGroup) -> FeatureGroup:
    """The group that would be made. Raises ValidationError where the definition breaks a rule."""
    group = FeatureGroup(
        name=new.name,
        group_id=new.name,
        record_identifier_name=new.record_identifier_name,
        event_time_name=new.event_time_name,
        features=new.features,
        created_at_us=0,
        modified_at_us=0,
        online=new.online,
        offline=new.offline,
        throughput=new.throughput,
        role_arn=new.role_arn,
        description=new.description,
        tags=new.tags or {},
    )
    check_definition(group)
    return group


def after_change(group: FeatureGroup, change: GroupChange) -> FeatureGroup:
    """The group as it would be. Raises ValidationError where the change is not allowed."""
    now_us = group.modified_at_us
    match change:
        case UpdateGroup(_, update):
            return changes.updated(group, update, now_us)
        case DescribeFeature(_, feature):
            said = change.update(group.metadata.get(feature))
            return changes.described(group, feature, said, now_us)
        case RetireFeature(_, feature):
            return changes.retired(group, feature, now_us)
        case RestoreFeature(_, feature):
            return changes.restored(group, feature, now_us)
        case AddTags(_, tags):
            return changes.tagged(group, tags)
        case RemoveTags(_, keys):
            return changes.untagged(group, keys)


def perform(backend: Backend, action: Action) -> None:
    """Does it to a store."""
    match action:
        case CreateGroup(new):
            backend.groups.create(new)
        case UpdateGroup(name, update):
            backend.groups.update(name, update)
        case DescribeFeature(name, feature):
            said = action.update(backend.features.describe(name, feature))
            if said != MetadataUpdate():
                backend.features.update(name, feature, said)
        case RetireFeature(name, feature):
            backend.features.retire(name, feature)
        case RestoreFeature(name, feature):
            backend.features.restore(name, feature)
        case AddTags(name, tags):
            backend.tags.add(name, tags)
        case RemoveTags(name, keys):
            backend.tags.remove(name, keys)
        case SetAlias(alias, name):
            backend.groups.set_alias(alias, name)

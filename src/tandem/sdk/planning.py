"""From what a store holds and what is declared to the steps between.

* A plan is made whole, and each step is tried on the definitions, before anything is changed. What
  no change can reach, such as another type of a feature, is refused then.
* A store that is as declared has an empty plan, so applying twice does the same as once.
* Nothing is deleted: feature groups and aliases that no file declares are left alone, and a feature
  goes only where the file says `retired: true`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from tandem.errors import TandemError, ValidationError
from tandem.model.changes import GroupUpdate, MetadataUpdate, ThroughputUpdate
from tandem.model.feature_group import FeatureGroup, ThroughputConfig
from tandem.model.limits import FEATURE_ADDITIONS_MAX
from tandem.model.time_to_live import TtlDuration
from tandem.sdk.declaration import Declared, DeclaredAlias, DeclaredGroup, declared_name
from tandem.sdk.impossible_changes import check_can_change, check_is_created, kind_of
from tandem.sdk.standing import Standing
from tandem.sdk.steps import (
    AddTags,
    CreateGroup,
    DescribeFeature,
    GroupChange,
    RemoveTags,
    RestoreFeature,
    RetireFeature,
    SetAlias,
    Step,
    UpdateGroup,
    after_change,
    after_creation,
)


def planned_steps(declared: Sequence[Declared], standing: Standing) -> list[Step]:
    """The steps, in the order in which they are to be done. Raises ValidationError."""
    names = Counter(declared_name(one) for one in declared)
    if twice := [name for name, count in names.items() if count > 1]:
        raise ValidationError(f"{twice[0]!r} is declared twice: remove one declaration")
    groups = [one for one in declared if isinstance(one, DeclaredGroup)]
    found = [step for group in groups for step in _group_steps(group, standing)]
    known = {*standing.groups, *(group.feature_group for group in groups)}
    for one in declared:
        if isinstance(one, DeclaredAlias):
            found += _alias_steps(one, standing, known)
    return found


class _GroupPlan:
    """The steps for one group so far, and the group as it is after them."""

    def __init__(self, group: FeatureGroup) -> None:
        self.group = group
        self.steps: list[Step] = []

    def add(self, sign: str, what: str, change: GroupChange) -> None:
        try:
            self.group = after_change(self.group, change)
        except TandemError as error:
            raise ValidationError(f"{self.group.name}: {what:.64}: {error}") from error
        self.steps.append(Step(self.group.name, sign, what, change))


def _group_steps(declared: DeclaredGroup, standing: Standing) -> Sequence[Step]:
    new = declared.new_group()
    group = standing.groups.get(new.name)
    if group is None:
        if new.name in standing.aliases:
            raise ValidationError(
                f"{new.name!r} is an alias of {standing.aliases[new.name]!r}: declare the feature"
                " group by its own name"
            )
        plan = _GroupPlan(after_creation(new))
        stores = {"online": new.online, "offline": new.offline}
        named = " and ".join(name for name, store in stores.items() if store is not None)
        what = f"new feature group, {len(new.features)} features, {named}"
        plan.steps.append(Step(new.name, "+", what, CreateGroup(new)))
    else:
        check_can_change(declared, group)
        plan = _GroupPlan(group)
    _plan_features(plan, declared)
    _plan_stores(plan, declared)
    if declared.tags is not None:
        _plan_tags(plan, declared.tags)
    for name in declared.features:
        _plan_metadata(plan, declared, name)
    return plan.steps


def _plan_features(plan: _GroupPlan, declared: DeclaredGroup) -> None:
    name = declared.feature_group
    known = plan.group.features_by_name
    added = [declared.definition(feature) for feature in declared.features if feature not in known]
    for start in range(0, len(added), FEATURE_ADDITIONS_MAX):
        additions = tuple(added[start : start + FEATURE_ADDITIONS_MAX])
        what = ", ".join(f"{feature.name} ({kind_of(feature)})" for feature in additions)
        plan.add("+", f"features {what}", UpdateGroup(name, GroupUpdate(additions=additions)))
    for feature in declared.features:
        is_retired = plan.group.features_by_name[feature].retired_at_us is not None
        if declared.feature(feature).retired and not is_retired:
            plan.add("-", f"feature {feature}: retired", RetireFeature(name, feature))
        elif is_retired and not declared.feature(feature).retired:
            plan.add("+", f"feature {feature}: restored", RestoreFeature(name, feature))


def _plan_stores(plan: _GroupPlan, declared: DeclaredGroup) -> None:
    name, group, new = declared.feature_group, plan.group, declared.new_group()
    if new.online is not None:
        before, after = group.default_ttl, new.online.ttl
        if (before and before.seconds) != (after and after.seconds):
            update = GroupUpdate(ttl=after, removes_ttl=after is None)
            what = f"time to live: {_duration(before)} -> {_duration(after)}"
            plan.add("~", what, UpdateGroup(name, update))
        wanted = new.online.storage_type
        if wanted is not None and wanted is not group.storage_type:
            what = f"storage type: {group.storage_type} -> {wanted}"
            plan.add("~", what, UpdateGroup(name, GroupUpdate(storage_type=wanted)))
    if declared.throughput is not None:
        _plan_throughput(plan, new.throughput)


def _plan_throughput(plan: _GroupPlan, wanted: ThroughputConfig) -> None:
    before = plan.group.throughput
    after = (wanted.mode, wanted.read_units or 0, wanted.write_units or 0)
    if (before.mode, before.read_units or 0, before.write_units or 0) != after:
        what = f"throughput: {_throughput(before)} -> {_throughput(wanted)}"
        update = GroupUpdate(throughput=ThroughputUpdate(*after))
        plan.add("~", what, UpdateGroup(plan.group.name, update))


def _plan_tags(plan: _GroupPlan, wanted: Mapping[str, str]) -> None:
    name, tags = plan.group.name, plan.group.tags
    # What goes makes room for what comes.
    if gone := tuple(key for key in tags if key not in wanted):
        plan.add("-", f"tags {', '.join(gone)}", RemoveTags(name, gone))
    for key, value in wanted.items():
        if tags.get(key) != value:
            was = f", was {tags[key]}" if key in tags else ""
            sign = "~" if key in tags else "+"
            plan.add(sign, f"tag {key}={value}{was}", AddTags(name, {key: value}))


def _plan_metadata(plan: _GroupPlan, declared: DeclaredGroup, name: str) -> None:
    """What the file says of a feature and the store does not; what it leaves out stays."""
    wanted = declared.feature(name)
    if wanted.retired:
        return
    said = plan.group.metadata.get(name)
    change = DescribeFeature(declared.feature_group, name, wanted.description, wanted.parameters)
    update = change.update(said)
    if update != MetadataUpdate():
        is_new = said is None or not (said.description or said.parameters)
        plan.add("+" if is_new else "~", _said(name, update), change)


def _said(name: str, update: MetadataUpdate) -> str:
    parts = []
    if update.description is not None:
        parts.append(f"description {update.description!r}")
    parts += [f"parameter {key}={value}" for key, value in update.additions]
    parts += [f"without parameter {key}" for key in update.removals]
    return f"feature {name}: {', '.join(parts)}"


def _alias_steps(declared: DeclaredAlias, standing: Standing, known: set[str]) -> Iterator[Step]:
    alias, name = declared.alias, declared.feature_group
    target = standing.aliases.get(alias)
    if target == name:
        return
    if alias in known:
        raise ValidationError(
            f"a feature group is called {alias!r}: choose another name for the alias"
        )
    if name not in known:
        raise ValidationError(
            f"alias {alias!r} is to stand for {name!r}, which is no feature group: declare it, or"
            " create it first"
        )
    if name in standing.groups:
        check_is_created(standing.groups[name], f"the alias {alias!r} cannot stand for it")
    what = f"alias of {name}" + (f", was of {target}" if target else "")
    yield Step(alias, "~" if target else "+", what, SetAlias(alias, name))


def _duration(ttl: TtlDuration | None) -> str:
    return f"{ttl.value} {ttl.unit.lower()}" if ttl else "none"


def _throughput(throughput: ThroughputConfig) -> str:
    if not throughput.read_units and not throughput.write_units:
        return throughput.mode.value
    return (
        f"{throughput.mode}, {throughput.read_units or 0} read units,"
        f" {throughput.write_units or 0} write units"
    )

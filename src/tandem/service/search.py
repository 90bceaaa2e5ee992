"""Search: feature groups and features by what is said of them.

What is compared lies in columns that are made once for each state of the definitions, so a search
costs a few loops over columns, and building an answer is left to the caller, for one page. A change
makes new columns; only the groups that changed are taken apart again.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Generic, NamedTuple

from tandem.model.described_feature import DescribedFeature, described_features
from tandem.model.feature_group import FeatureGroup
from tandem.model.search import (
    PROPERTY_NAME_LENGTH_MAX,
    SearchExpression,
    SearchResource,
    VisibilityCondition,
)
from tandem.model.search_evaluation import compile_expression, compile_visibility
from tandem.model.search_properties import (
    LAST_MODIFIED_TIME,
    Entity,
    feature_properties,
    group_properties,
)
from tandem.model.search_table import EntityBlock, EntityTable, Order, Position
from tandem.service.placement import Account


@dataclass(frozen=True, kw_only=True)
class SearchQuery:
    """What is looked for, and in which order it is listed; by default, the latest change first.

    expression          None finds everything
    of_other_accounts   looks for what other accounts share; there are none here, so for nothing
    """

    expression: SearchExpression | None = None
    visibility: tuple[VisibilityCondition, ...] = ()
    sort_by: str = LAST_MODIFIED_TIME
    descending: bool = True
    of_other_accounts: bool = False


@dataclass(frozen=True, slots=True)
class SearchPage(Generic[Entity]):
    """A part of what was found.

    total   how many were found in all
    last    where the last hit stands, to go on behind it; None: nothing is left
    """

    hits: Sequence[Entity]
    total: int
    last: Position | None


class _Blocks(NamedTuple):
    """What is kept of one group as long as it does not change."""

    group: EntityBlock[FeatureGroup]
    features: EntityBlock[DescribedFeature]


@dataclass(frozen=True)
class _Snapshot:
    """The live groups at one moment as tables. `source` is the sequence they were made from."""

    source: Sequence[FeatureGroup]
    blocks: Mapping[str, _Blocks]
    groups: EntityTable[FeatureGroup]
    features: EntityTable[DescribedFeature]

    @cached_property
    def tag_keys(self) -> Sequence[str]:
        return sorted(set(chain.from_iterable(group.tags for group in self.groups.entities)))

    @cached_property
    def parameter_keys(self) -> Sequence[str]:
        parameters = (feature.metadata.parameters for feature in self.features.entities)
        return sorted(set(chain.from_iterable(parameters)))


@dataclass
class Search:
    """Safe to use from many threads.

    live   gives all groups that are not deleted: the same sequence until something changes, and in
           it the same object for a group that did not
    """

    live: Callable[[], Sequence[FeatureGroup]]
    account: Account
    _making: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _last: _Snapshot | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        prefix = f"arn:aws:sagemaker:{self.account.region}:{self.account.account_id}:feature-group/"
        self._groups = group_properties(prefix)
        self._features = feature_properties(prefix)

    def feature_groups(
        self, query: SearchQuery, *, after: Position | None = None, size: int | None = None
    ) -> SearchPage[FeatureGroup]:
        """The groups that fit, or `size` of them, behind the position `after`.

        Raises ValidationError where the query names an unknown property, an operator that does not
        fit it, or a value that does not parse.
        """
        return _page(self._snapshot().groups, query, after, size)

    def features(
        self, query: SearchQuery, *, after: Position | None = None, size: int | None = None
    ) -> SearchPage[DescribedFeature]:
        """The features that fit; as `feature_groups`. Retired features are not found."""
        return _page(self._snapshot().features, query, after, size)

    def property_names(self, resource: SearchResource, beginning: str = "") -> Sequence[str]:
        """The names of properties that begin so, sorted: those of a key only where it exists."""
        snapshot = self._snapshot()
        if resource is SearchResource.FEATURE_GROUP:
            names = [*self._groups.fixed, *(f"Tags.{key}" for key in snapshot.tag_keys)]
        else:
            keys = snapshot.parameter_keys
            names = [*self._features.fixed, *(f"Parameters.{key}" for key in keys)]
        return sorted(
            name
            for name in names
            # A key may be so long that no filter can name it.
            if name.startswith(beginning) and len(name) <= PROPERTY_NAME_LENGTH_MAX
        )

    def _snapshot(self) -> _Snapshot:
        source = self.live()
        last = self._last
        if last is not None and last.source is source:
            return last
        with self._making:
            last = self._last
            if last is None or last.source is not source:
                last = self._last = self._made(source, last)
            return last

    def _made(self, source: Sequence[FeatureGroup], before: _Snapshot | None) -> _Snapshot:
        known = before.blocks if before is not None else {}
        blocks = {
            group.name: _blocks(group, known.get(group.name))
            for group in sorted(source, key=lambda group: group.name)
        }
        groups = [one.group for one in blocks.values()]
        features = [one.features for one in blocks.values()]
        owners = [index for index, block in enumerate(features) for _ in block.entities]
        definitions = {
            name: (EntityTable(features, nested), owners)
            for name, nested in self._groups.nested.items()
        }
        return _Snapshot(
            source=source,
            blocks=blocks,
            groups=EntityTable(
                groups,
                self._groups,
                before=before.groups if before is not None else None,
                parts=definitions,
            ),
            features=EntityTable(
                features,
                self._features,
                before=before.features if before is not None else None,
            ),
        )


def _blocks(group: FeatureGroup, known: _Blocks | None) -> _Blocks:
    if known is not None and known.group.entities[0] is group:
        return known
    return _Blocks(EntityBlock((group,)), EntityBlock(described_features(group)))


def _page(
    table: EntityTable[Entity], query: SearchQuery, after: Position | None, size: int | None
) -> SearchPage[Entity]:
    properties = table.properties
    order = Order(properties.find("SortBy", query.sort_by), query.descending)
    fits = compile_expression(query.expression, properties)
    is_visible = compile_visibility(query.visibility, properties)
    if query.of_other_accounts:
        return SearchPage((), 0, None)
    mask = fits(table) & is_visible(table)
    ranked = table.ranked(mask, order)
    start = 0 if after is None else table.behind(ranked, order, after)
    end = len(ranked) if size is None else min(start + size, len(ranked))
    return SearchPage(
        hits=[table.entities[index] for index in ranked[start:end]],
        total=len(ranked),
        last=table.position(ranked[end - 1], order) if start < end < len(ranked) else None,
    )

"""What a listing or a search has found: a sequence that shows itself as a table."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar, overload

import pyarrow as pa

from tandem.model.feature_group import FeatureGroup
from tandem.sdk.control_plane import FoundFeature
from tandem.sdk.frames import Result
from tandem.sdk.group import FeatureGroupHandle
from tandem.sdk.tables import Table, cell, html, moment, plain

_Item = TypeVar("_Item", covariant=True)


class Listing(Sequence[_Item], Generic[_Item]):
    """Items in their order. `rows` holds what is shown of each, by column."""

    columns: ClassVar[tuple[str, ...]]

    def __init__(self, items: Sequence[_Item], rows: Sequence[Mapping[str, Any]]) -> None:
        self._items = tuple(items)
        self.rows = rows

    @overload
    def __getitem__(self, index: int) -> _Item: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[_Item]: ...

    def __getitem__(self, index: int | slice) -> _Item | Sequence[_Item]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    @property
    def table(self) -> Table:
        columns = [name.replace("_", " ") for name in self.columns]
        return Table(columns, [[row[name] for name in self.columns] for row in self.rows])

    def to_pandas(self) -> Any:
        """The rows as a pandas DataFrame; tags and the like are one text each."""
        texts = {
            name: [
                value if isinstance(value, int | str | None) else cell(value, None)
                for value in (row[name] for row in self.rows)
            ]
            for name in self.columns
        }
        return Result(pa.table(texts)).to_pandas()

    def __repr__(self) -> str:
        return plain(self.table) if self.rows else "(none)"

    def _repr_html_(self) -> str:
        return html(self.table) if self.rows else "<i>none</i>"


class GroupList(Listing[FeatureGroupHandle]):
    """Feature groups."""

    columns = (
        *("name", "status", "stores", "features", "record_identifier", "event_time"),
        *("tags", "created"),
    )

    def __init__(
        self, groups: Sequence[FeatureGroupHandle], tags: Sequence[Mapping[str, str]]
    ) -> None:
        pairs = zip(groups, tags, strict=True)
        super().__init__(groups, [group_summary(group.definition, one) for group, one in pairs])

    @property
    def names(self) -> list[str]:
        return [group.name for group in self]


class FeatureList(Listing[FoundFeature]):
    """Features, with what is said of them."""

    columns = ("feature_group", "feature", "type", "description", "parameters")

    def __init__(self, features: Sequence[FoundFeature]) -> None:
        super().__init__(features, [_feature_row(feature) for feature in features])


def group_summary(group: FeatureGroup, tags: Mapping[str, str]) -> dict[str, Any]:
    """A group in one row."""
    return {
        "name": group.name,
        "status": group.status.value,
        "stores": group.stores.names(),
        "features": len(group.current_features),
        "record_identifier": group.record_identifier_name,
        "event_time": group.event_time_name,
        "tags": dict(tags),
        "created": moment(group.created_at_us),
    }


def _feature_row(feature: FoundFeature) -> dict[str, Any]:
    return {
        "feature_group": feature.group_name,
        "feature": feature.name,
        "type": feature.type.value,
        "description": feature.metadata.description,
        "parameters": dict(feature.metadata.parameters),
    }

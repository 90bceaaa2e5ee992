"""What a listing or a search has found: a sequence that shows itself as a table."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar, overload

import pyarrow as pa

from tandem.sdk.control_plane import FoundFeature
from tandem.sdk.frames import Result
from tandem.sdk.group import FeatureGroupHandle
from tandem.sdk.tables import html_table, moment, text_table

_Item = TypeVar("_Item")


class Listing(Sequence[_Item], Generic[_Item]):
    """Items in their order. `rows` holds what is shown of each, by column."""

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

    def to_pandas(self) -> Any:
        """The rows as a pandas DataFrame."""
        return Result(pa.Table.from_pylist([dict(row) for row in self.rows])).to_pandas()

    def __repr__(self) -> str:
        if not self.rows:
            return "(none)"
        return text_table(*self._cells())

    def _repr_html_(self) -> str:
        return html_table(*self._cells()) if self.rows else "<i>none</i>"

    def _cells(self) -> tuple[list[str], list[list[Any]]]:
        columns = list(self.rows[0]) if self.rows else []
        return columns, [list(row.values()) for row in self.rows]


class GroupList(Listing[FeatureGroupHandle]):
    """Feature groups."""

    def __init__(self, groups: Sequence[FeatureGroupHandle]) -> None:
        super().__init__(groups, [_group_row(group) for group in groups])

    @property
    def names(self) -> list[str]:
        return [group.name for group in self]


class FeatureList(Listing[FoundFeature]):
    """Features, with what is said of them."""

    def __init__(self, features: Sequence[FoundFeature]) -> None:
        super().__init__(features, [_feature_row(feature) for feature in features])


def labels(pairs: Mapping[str, str]) -> str:
    """Tags or parameters in one cell."""
    return ", ".join(f"{key}={value}" for key, value in pairs.items())


def _group_row(handle: FeatureGroupHandle) -> dict[str, Any]:
    group = handle.definition
    return {
        "name": group.name,
        "status": group.status.value,
        "stores": ", ".join(group.stores.names()),
        "features": len(group.features),
        "record identifier": group.record_identifier_name,
        "event time": group.event_time_name,
        "tags": labels(group.tags),
        "created": moment(group.created_at_us),
    }


def _feature_row(feature: FoundFeature) -> dict[str, Any]:
    return {
        "feature group": feature.group_name,
        "feature": feature.name,
        "type": feature.type.value,
        "description": feature.metadata.description or "",
        "parameters": labels(feature.metadata.parameters),
    }

"""Items in a sequence that shows itself as a table."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar, overload

import pyarrow as pa

from tandem.sdk.frames import Result
from tandem.sdk.tables import Table, cell, html, plain

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

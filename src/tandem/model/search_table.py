"""The entities of a search as columns, and the orders in which they are listed.

* A column holds one property of all entities, and is made when it is first asked for: a loop in one
  expression over a column is several times faster than a call per entity. It is put together from
  columns of blocks, which outlive the table.
* A mask says which entities are meant: a number with one byte an entity, 1 where it is meant, so
  that And, Or and Not are operations on whole numbers.
* What lacks the property of a sort comes last, in either direction. Equal ones go by name.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress
from typing import Any, Generic

from tandem.errors import ValidationError
from tandem.model.search_properties import Entity, Properties, Property, PropertyKind

SORT_LENGTH_MAX = 256
"""Texts are ordered by so many characters, which also stand in the token of the next page."""

LABEL_COLUMNS_KEPT_MAX = 32
_MANY = 8
"""One in so many found: then filtering the order of all is faster than sorting what was found."""

Mask = int
Position = Sequence[Any]
"""Where an entity stands in an order: its value there, then the names that tell it apart."""


class EntityBlock(Generic[Entity]):
    """Entities that stay as they are as long as one group does, with what was read off them.

    Tables are made of blocks, so that a change of one group leaves the work on the others standing.
    """

    __slots__ = ("_columns", "entities")

    def __init__(self, entities: Sequence[Entity]) -> None:
        self.entities = entities
        self._columns: dict[str, Sequence[Any]] = {}

    def column(self, name: str, read: Callable[[Entity], Any]) -> Sequence[Any]:
        found = self._columns.get(name)
        if found is None:
            found = self._columns[name] = list(map(read, self.entities))
        return found


class EntityTable(Generic[Entity]):
    """The entities of one resource, sorted by identity.

    before   the table of an earlier state, whose orders still hold where no value has changed
    parts    by the name of a list, the members of all lists as a table
    owners   by the name of a list, the index of the entity that has each member
    orders   by property and direction, the column that an order was made from, and the order
    """

    orders: dict[tuple[str, bool], tuple[Sequence[Any], Sequence[int]]]

    def __init__(
        self,
        blocks: Sequence[EntityBlock[Entity]],
        properties: Properties[Entity],
        *,
        before: "EntityTable[Entity] | None" = None,
        parts: Mapping[str, tuple["EntityTable[Any]", Sequence[int]]] | None = None,
    ) -> None:
        self._blocks = blocks
        self.entities = list(chain.from_iterable(block.entities for block in blocks))
        self.properties = properties
        self.parts = parts or {}
        self.all: Mask = int.from_bytes(b"\1" * len(self.entities), "little")
        self._columns: dict[str, Sequence[Any]] = {}
        self._label_columns: dict[str, Sequence[Any]] = {}
        self.orders = dict(before.orders) if before is not None else {}

    def column(self, wanted: Property[Entity]) -> Sequence[Any]:
        """The value of a property by entity."""
        key = wanted.key
        if key is None:
            return self._kept(wanted.name, wanted.read)
        found = self._label_columns.get(wanted.name)
        if found is None:
            labels = self._kept(wanted.name.removesuffix(f".{key}"), wanted.read)
            found = [have.get(key) for have in labels]
            # Callers choose the keys: were all kept, columns would pile up.
            if len(self._label_columns) < LABEL_COLUMNS_KEPT_MAX:
                self._label_columns[wanted.name] = found
        return found

    def lines(self, wanted: Property[Entity]) -> Sequence[str]:
        """The texts of a list property, a line each: to look into all of them at once."""
        read = wanted.read
        return self._kept(f"{wanted.name} as lines", lambda entity: "\n".join(read(entity)))

    def flags(self, mask: Mask) -> bytes:
        return mask.to_bytes(len(self.entities), "little")

    def ranked(self, mask: Mask, order: "Order[Entity]") -> Sequence[int]:
        """The indices of the entities in a mask, in an order."""
        flags = self.flags(mask)
        column = self.column(order.by)
        if order.by.key is not None or mask.bit_count() * _MANY < len(flags):
            return _sorted(list(compress(range(len(flags)), flags)), column, order)
        ranked = self._whole(column, order)
        return ranked if mask == self.all else [index for index in ranked if flags[index]]

    def position(self, index: int, order: "Order[Entity]") -> Position:
        entity = self.entities[index]
        return (order.value(order.by.value(entity)), *self.properties.identity(entity))

    def behind(self, ranked: Sequence[int], order: "Order[Entity]", position: Position) -> int:
        """How many of the ranked entities do not stand behind a position.

        The entity that stood there may be gone by now.
        """
        return bisect_left(
            ranked,
            True,
            key=lambda index: order.is_behind(self.position(index, order), position),
        )

    def _whole(self, column: Sequence[Any], order: "Order[Entity]") -> Sequence[int]:
        """The order of all entities, which follows from the values of its column alone."""
        key = (order.by.name, order.descending)
        of_column, ranked = self.orders.get(key) or (None, ())
        if of_column != column:
            # Numbers side by side: a list would have to look each of them up in memory.
            ranked = array("I", _sorted(range(len(column)), column, order))
        if of_column is not column:
            self.orders[key] = (column, ranked)
        return ranked

    def _kept(self, name: str, read: Callable[[Entity], Any]) -> Sequence[Any]:
        found = self._columns.get(name)
        if found is None:
            columns = [block.column(name, read) for block in self._blocks]
            found = self._columns[name] = list(chain.from_iterable(columns))
        return found


def _sorted(indices: Sequence[int], column: Sequence[Any], order: "Order[Any]") -> list[int]:
    if order.by.kind is PropertyKind.TEXT:
        column = [value and value[:SORT_LENGTH_MAX] for value in column]
    having = [index for index in indices if column[index] is not None]
    is_lacking = len(having) < len(indices)
    # Entities stand sorted by identity, and the sort is stable in both directions.
    having.sort(key=column.__getitem__, reverse=order.descending)
    return having + [index for index in indices if column[index] is None] if is_lacking else having


@dataclass(frozen=True, slots=True)
class Order(Generic[Entity]):
    """An order of entities. Raises ValidationError where the property is a list."""

    by: Property[Entity]
    descending: bool

    def __post_init__(self) -> None:
        if self.by.kind is PropertyKind.TEXTS:
            raise ValidationError(
                f"SortBy {self.by.name!r} is {self.by.kind}, which has no order:"
                " sort by a property with a single value"
            )

    def value(self, found: Any) -> Any:
        return found[:SORT_LENGTH_MAX] if isinstance(found, str) else found

    def is_behind(self, one: Position, other: Position) -> bool:
        """Whether position `one` comes after `other`."""
        value, other_value = one[0], other[0]
        if value == other_value:
            return tuple(one[1:]) > tuple(other[1:])
        if value is None or other_value is None:
            return value is None
        return bool(value < other_value if self.descending else value > other_value)

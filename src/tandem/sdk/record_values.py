"""Served records as Python values, by feature name.

The JSON of a record is decoded straight into the values: msgspec finds the type of a value by its
feature's name, and makes no text of a number on the way.

* A value is what `str`, `int` and `float` make of its text. Where msgspec reads less than they do,
  they are asked.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, Union

import msgspec

from tandem.model.feature_group import FROM_TEXT, FeatureDefinition, FeatureGroup
from tandem.online.features_json import stored_features
from tandem.rows.typed_cells import MINUS_ZERO, cell_type
from tandem.service.records import ServedRecord

_DECODERS_MAX = 128
_AT_ONCE = 512
"""The cells of so many records are in memory at a time."""


class KeptRecord(ServedRecord, frozen=True, gc=False):
    """A record that a cache serves again and again: its values are decoded once.

    decoded  the definition that they were read by, and the values
    """

    decoded: list[Any] = msgspec.field(default_factory=lambda: [None, None])


class RecordValues:
    """Reads the records of one version of a group's definition."""

    def __init__(self, group: FeatureGroup) -> None:
        self.group = group
        self._has_lists = any(feature.collection is not None for feature in group.features)

    def of(self, record: ServedRecord) -> dict[str, Any]:
        """The values of a record, which are the caller's to change. Raises as `read` does."""
        if type(record) is ServedRecord:
            return self.read(record.features_json)
        assert isinstance(record, KeptRecord)
        group, values = record.decoded
        if group is not self.group:
            values = self.read(record.features_json)
            record.decoded[:] = self.group, values
        if self._has_lists:
            return {
                name: value[:] if type(value) is list else value for name, value in values.items()
            }
        copied: dict[str, Any] = values.copy()
        return copied

    def of_many(self, records: Sequence[ServedRecord | None]) -> list[dict[str, Any] | None]:
        """`of` each of them; None for those that are not there. It takes a quarter less time."""
        if any(isinstance(one, KeptRecord) for one in records):
            return [None if one is None else self.of(one) for one in records]
        found: list[dict[str, Any] | None] = []
        for start in range(0, len(records), _AT_ONCE):
            some = records[start : start + _AT_ONCE]
            texts = [one.features_json for one in some if one is not None]
            read = iter(self._read_many(texts))
            found += [None if one is None else next(read) for one in some]
        return found

    def _read_many(self, texts: Sequence[bytes]) -> list[dict[str, Any]]:
        try:
            decoded = self._decode_many(b"[" + b",".join(texts) + b"]")
        except msgspec.ValidationError:
            return [self.read(one) for one in texts]
        found = [{cell.feature: cell.value for cell in cells} for cells in decoded]
        has_lists = self._has_lists
        for place, values in enumerate(found):
            if (has_lists or not all(values.values())) and MINUS_ZERO in texts[place]:
                found[place] = self.read(texts[place])
        return found

    def read(self, features_json: bytes, *, skips_unknown: bool = False) -> dict[str, Any]:
        """The values of a record. Raises ValueError where one does not fit its type, and KeyError
        where the group has no such feature, unless it is to be skipped.
        """
        try:
            values = {cell.feature: cell.value for cell in self._decode(features_json)}
        except msgspec.ValidationError:  # such as 007, +1.5 or .5; or what no reading takes
            return self._one_by_one(features_json, skips_unknown=skips_unknown)
        # A zero may have lost its sign. It is not true, which is seen sooner than that it is zero.
        if (self._has_lists or not all(values.values())) and MINUS_ZERO in features_json:
            return self._one_by_one(features_json, skips_unknown=skips_unknown)
        return values

    def _one_by_one(self, features_json: bytes, *, skips_unknown: bool) -> dict[str, Any]:
        readers = self._readers
        values: dict[str, Any] = {}
        for feature in stored_features(features_json):
            name, text = feature.feature_name, feature.value_as_string
            if skips_unknown and name not in readers:
                continue
            read = readers[name]
            if text is not None:
                values[name] = read(text)
            else:
                values[name] = [read(element) for element in feature.value_as_string_list or ()]
        return values

    @cached_property
    def _readers(self) -> Mapping[str, Callable[[str], Any]]:
        return {feature.name: FROM_TEXT[feature.type] for feature in self.group.features}

    @cached_property
    def _decode(self) -> Callable[[bytes], Any]:
        return _decoder(self.group.features)[0]

    @cached_property
    def _decode_many(self) -> Callable[[bytes], Any]:
        return _decoder(self.group.features)[1]


@lru_cache(_DECODERS_MAX)
def _decoder(
    features: tuple[FeatureDefinition, ...],
) -> tuple[Callable[[bytes], Any], Callable[[bytes], Any]]:
    """Decodes the cells of a record, and those of a list of records: each cell has its `feature`
    and its `value`.

    To make it takes some 50 µs a feature, so that handles of the same group share it.
    """
    one: Any = Union[tuple(cell_type(feature) for feature in features)]  # noqa: UP007 - not written out
    # Not strict: a number may stand in a text.
    return (
        msgspec.json.Decoder(list[one], strict=False).decode,
        msgspec.json.Decoder(list[list[one]], strict=False).decode,
    )

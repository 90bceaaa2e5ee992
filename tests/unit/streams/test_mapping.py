"""Messages as runs: what a message becomes does not depend on its neighbours."""

import json
from pathlib import Path
from typing import Any

import fastavro
import msgspec
import pyarrow as pa
import pytest

from tandem.errors import ValidationError
from tandem.model.feature_group import CollectionType, FeatureDefinition, FeatureType
from tandem.rows.columns import convert
from tandem.streams.base import Message
from tandem.streams.decoding import decoder
from tandem.streams.definition import StreamDefinition
from tandem.streams.fields import Decoded, cell, cells, check_path
from tandem.streams.mapping import column

VALUES: list[Any] = ["1", 1, 1.5, 2.0, True, None, 2**70, -(2**60) - 1, "x", "", {}, [1], "\ud800"]
KINDS = [FeatureDefinition("f", kind) for kind in FeatureType]
KINDS.append(FeatureDefinition("f", FeatureType.INTEGRAL, CollectionType.LIST))


def converted(feature: FeatureDefinition, values: list[Any]) -> list[tuple[Any, bool]]:
    """Each cell as text, and whether it is refused, here or by the check of its row."""
    reasons: dict[int, str] = {}
    made = column(feature, values, reasons)
    found, doubts = convert(feature, made)
    kind = pa.list_(pa.string()) if feature.collection else pa.string()
    texts = [repr(one) if isinstance(one, float) else one for one in found.to_pylist()]
    if not pa.types.is_floating(found.type):
        texts = found.cast(kind).to_pylist()
    refused = [
        row in reasons or bool(doubts is not None and doubts[row]) for row in range(len(made))
    ]
    return [(None if no else text, no) for text, no in zip(texts, refused, strict=True)]


@pytest.mark.parametrize("feature", KINDS, ids=lambda one: f"{one.type}-{one.collection}")
def test_a_cell_is_the_same_alone_and_among_others(feature: FeatureDefinition) -> None:
    for one in VALUES:
        (alone,) = converted(feature, [one])
        for other in VALUES:
            assert _same(converted(feature, [one, other])[0], alone), (one, other)


def _same(found: tuple[Any, bool], alone: tuple[Any, bool]) -> bool:
    """A number that is written as the text "1.0" or kept as one stands for the same record."""
    return found == alone or (found[1] == alone[1] is False and str(found[0]) == str(alone[0]))


def message(value: Any, **more: Any) -> Decoded:
    return Decoded(Message("3", "17", b'{"id": 5}', b"", 1_700_000_000_123)._replace(**more), value)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", 1),
        ("b.c", "x"),
        ("b.d.1", 8),
        ("b.d.9", None),
        ("b.c.x", None),
        ("z", None),
        ("$key", '{"id": 5}'),
        ("$key.id", 5),
        ("$partition", "3"),
        ("$offset", "17"),
        ("$topic", "orders"),
        ("$header.trace.id", "h"),
        ("$header.none", None),
    ],
)
def test_paths(path: str, expected: Any) -> None:
    check_path(path)
    headers = {"trace.id": b"h"}
    assert cell(
        path, "orders", message({"a": 1, "b": {"c": "x", "d": [7, 8]}}, headers=headers)
    ) == (expected)


def test_timestamps_fit_both_kinds_of_event_time() -> None:
    found = cells("$timestamp", "orders", [message({}), message({}, timestamp_ms=None)])
    assert convert(KINDS[0], found).values.to_pylist() in (
        ["2023-11-14T22:13:20.123Z", None],
        [1_700_000_000.123, None],
    )


def test_avro_of_a_schema(tmp_path: Path) -> None:
    schema = {"type": "record", "name": "r", "fields": [{"name": "a", "type": "long"}]}
    path = tmp_path / "r.avsc"
    path.write_text(json.dumps(schema))
    with (tmp_path / "value").open("wb") as file:
        fastavro.schemaless_writer(file, fastavro.parse_schema(schema), {"a": 7})
    content = (tmp_path / "value").read_bytes()
    given = {"stream": "s", "source": {}, "groups": {}, "format": "avro", "schema": str(path)}
    decode = decoder(msgspec.convert(given, StreamDefinition))
    assert decode(content) == {"a": 7}
    with pytest.raises(ValidationError, match="Avro"):
        decode(b"")

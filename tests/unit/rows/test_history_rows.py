"""What the log holds as rows of history: a segment's are those of its entries."""

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from tandem.model.feature_group import CollectionType, FeatureDefinition, FeatureGroup, FeatureType
from tandem.model.targets import TargetStores
from tandem.rows.history_rows import event_seconds, history_rows
from tandem.rows.segment import Segment
from tandem.testing.purchases import BOTH_STORES, purchase, purchases_group, purchases_segment

NUMBERS = FeatureDefinition("numbers", FeatureType.INTEGRAL, CollectionType.LIST)
ADDED = FeatureDefinition("added", FeatureType.FRACTIONAL)


def group() -> FeatureGroup:
    found = purchases_group()
    return replace(found, features=(*found.features, NUMBERS, ADDED))


def segment(first: int, targets: TargetStores = BOTH_STORES, **columns: Any) -> Segment:
    count = len(next(iter(columns.values())))
    given = pa.table(
        {
            "customer": [f"C{row}" for row in range(count)],
            "bought_at": [f"2024-01-0{row + 1}T00:00:00.5Z" for row in range(count)],
            **columns,
        }
    )
    return purchases_segment(group(), first, given, targets=targets, ttl_seconds=60)


@pytest.mark.parametrize(
    "columns",
    [
        {"amount": [1.5, None], "items": [1, 2], "numbers": [[1], []]},
        {"amount": ["89.50", "+.5e-3"], "items": ["+007", "-0"], "numbers": [["+1", "2"], None]},
        {"amount": ["5.", None], "items": ["0" * 39 + "7", "1"], "numbers": [["1"], ["2"]]},
    ],
)
def test_a_segment_has_the_rows_of_its_entries(columns: dict[str, Any]) -> None:
    whole = segment(11, **columns)
    assert history_rows(group(), [whole]) == history_rows(group(), list(whole.entries()))
    assert event_seconds([whole]).tolist() == event_seconds(list(whole.entries())).tolist()


def test_entries_and_segments_keep_their_order() -> None:
    parts = [
        purchase(group(), 1),
        segment(2, amount=[1.0, 2.0]),
        segment(4, amount=["3", "4"]),
        segment(6, TargetStores.ONLINE, amount=[0.0]),
        purchase(group(), 7, amount="5"),
    ]
    assert history_rows(group(), parts).column("amount").to_pylist() == [89.5, 1, 2, 3, 4, 5]
    assert len(event_seconds(parts)) == 6
    assert history_rows(group(), []).num_rows == len(event_seconds([])) == 0


def test_an_entry_of_a_segment_carries_everything() -> None:
    first, second = segment(11, amount=["1.50", None]).entries()
    assert (first.position, second.position) == (11, 12)
    assert dict(first.values) == {
        "customer": "C0",
        "bought_at": "2024-01-01T00:00:00.5Z",
        "amount": "1.50",
    }
    assert first.event_time == (1_704_067_200, 500_000_000)
    assert first.expires_at_ms == 1_704_067_260_500
    assert "amount" not in dict(second.values)


def test_a_part_of_a_segment() -> None:
    whole = segment(11, amount=[1.0, 2.0, 3.0])
    assert whole.between(0, None) is whole
    assert whole.between(13, None) is None
    assert whole.between(0, 10) is None
    part = whole.between(11, 12)
    assert part is not None
    assert list(part.entries()) == list(whole.entries())[1:2]

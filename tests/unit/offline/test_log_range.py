from dataclasses import replace

import pytest

from tandem.errors import ConflictError
from tandem.offline.log_range import LogRange, log_range
from tandem.testing.purchases import purchase, purchases_group

GROUP = purchases_group()


def test_a_range_reaches_from_behind_to_its_last_entry():
    entries = [purchase(GROUP, 5, partition=3), purchase(GROUP, 9, partition=3)]
    assert log_range(GROUP, 3, 4, entries) == LogRange(partition=3, after=4, last=9)


@pytest.mark.parametrize(("delivered", "expected"), [(0, False), (4, False), (9, True), (10, True)])
def test_a_range_is_delivered_whole_or_not_at_all(delivered, expected):
    assert LogRange(0, 4, 9).is_delivered(GROUP, delivered) is expected


@pytest.mark.parametrize("delivered", [5, 8])
def test_a_range_that_is_delivered_in_part_is_a_conflict(delivered):
    with pytest.raises(ConflictError, match=f"reaches position {delivered}"):
        LogRange(0, 4, 9).is_delivered(GROUP, delivered)


def test_an_entry_with_a_feature_that_is_gone_is_refused():
    smaller = replace(GROUP, features=GROUP.features[:2])
    with pytest.raises(ConflictError, match=r"\['amount'\]"):
        log_range(smaller, 0, 0, [purchase(GROUP, 1)])
    assert log_range(smaller, 0, 0, [purchase(GROUP, 1, amount=None)]).last == 1

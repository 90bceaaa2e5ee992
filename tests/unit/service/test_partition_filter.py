"""Expressions over partition keys: what they mean, and what is refused."""

import pytest

from tandem.errors import ValidationError
from tandem.model.catalog import CatalogColumn, CatalogPartition
from tandem.service.partition_filter import matching

KEYS = (CatalogColumn("day", "string"), CatalogColumn("Number", "int"))
PARTITIONS = [
    CatalogPartition(values=values)
    for values in (
        ("2024-05-01", "9"),
        ("2024-05-02", "10"),
        ("2024-06-01", "-1"),
        ("__HIVE_DEFAULT_PARTITION__", "x"),
        ("a'b_%", "1.0"),
    )
]


@pytest.mark.parametrize(
    ("expression", "places"),
    [
        ("day = '2024-05-01'", [0]),
        ("DAY='2024-05-01'", [0]),
        ("'2024-05-02' <= day AND day < '2024-06-02'", [1, 2]),
        ("day <> '2024-05-01' and day != '2024-05-02' and number < 10", [2, 4]),
        ("number > 9", [1]),
        ("number >= '9'", [0, 1]),
        ("number = 1", [4]),
        ("number = -1", [2]),
        ("number between 1 and 9", [0, 4]),
        ("day in ('2024-05-01', '2024-06-01')", [0, 2]),
        ("day not in ('2024-05-01', '2024-06-01')", [1, 3, 4]),
        ("day like '2024-05-%'", [0, 1]),
        ("day like '2024-0_-01'", [0, 2]),
        ("not (day like '2024%' or number = 1)", [3]),
        ("day is null", [3]),
        ("day is not null", [0, 1, 2, 4]),
        ("day = 'a\\'b_%'", [4]),
        ("day = date '2024-05-01'", [0]),
        ("day > 2024", [0, 1, 2, 3, 4]),  # texts, as the key is
        (" or ".join(["day = '2024-05-01'"] * 200), [0]),
        ("`day` = '2024-05-01' OR \"x\" = day", [0]),
        ("(((number = 9)))", [0]),
        ("day = '2024-05-01' AND number = 9 OR number = 10", [0, 1]),
    ],
)
def test_meaning(expression: str, places: list[int]) -> None:
    expected = [PARTITIONS[place].values for place in places]
    assert [one.values for one in matching(PARTITIONS, KEYS, expression)] == expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("month = '05'", "'month' is not one of the partition keys"),
        ("day", "is no condition"),
        ("1", "is no condition"),
        ("true", "is no condition"),
        ("day = number", "is no literal"),
        ("number = 'many'", "'many' is compared with a number"),
        ("number = 'NaN'", "'NaN' is compared with a number"),
        ("day in (select 1)", "is no condition"),
        ("upper(day) = 'A'", "is not one of the partition keys"),
        ("day = concat('a', 'b')", "is no literal"),
        ("day = '2024", "not SQL"),
        ("day = '1'; day = '2'", "not one condition"),
        ("", "not one condition"),
        ("-- day", "not one condition"),
        ("select 1", "is no condition"),
        ("drop table x", "is no condition"),
        ("(" * 1_000 + "day = '1'" + ")" * 1_000, "not valid"),
        (" and ".join(["day='1'"] * 500), "nested too deep"),
    ],
)
def test_what_is_refused(expression: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        matching([], KEYS, expression)

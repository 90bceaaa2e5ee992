"""Checks that training and serving see the same: differences, counted value by value."""

from collections.abc import Iterable, Mapping

import pandas as pd
from features import TYPES

_PYTHON_TYPES = {"String": str, "Integral": int, "Fractional": float}


def serving_differences(served: Iterable[Mapping[str, str]], newest: pd.DataFrame) -> int:
    """In how many values the online store and the newest rows of history differ.

    served  records as the API answers them: the value's text by feature name
    newest  one row a customer, in the columns of `TYPES`

    A value that only one of the two has is a difference, and so is a whole record.
    """
    online = {record["customer_id"]: record for record in served}
    history = {row["customer_id"]: row for row in newest.to_dict("records")}
    differences = 0
    for customer_id in online.keys() | history.keys():
        record, row = online.get(customer_id, {}), history.get(customer_id, {})
        differences += sum(_served(record, name) != _stored(row, name) for name in TYPES)
    return differences


def join_differences(as_of: pd.DataFrame, labels: pd.DataFrame, written: pd.DataFrame) -> int:
    """In how many values the store's as-of join and pandas' own differ.

    as_of    the store's training set: the labels in their order, with features
    written  every row of features that was sent to the store
    """
    moments = labels.assign(
        label=range(len(labels)), moment=labels["label_time"].map(pd.Timestamp.timestamp)
    )
    expected = pd.merge_asof(
        moments.sort_values("moment"),
        written.sort_values("event_time"),
        left_on="moment",
        right_on="event_time",
        by="customer_id",
    ).sort_values("label", ignore_index=True)
    if len(as_of) != len(expected):
        return abs(len(as_of) - len(expected)) * len(TYPES)
    return sum(_column_differences(as_of[name], expected[name]) for name in TYPES)


def _column_differences(found: pd.Series, expected: pd.Series) -> int:
    pairs = zip(_python_values(found), _python_values(expected), strict=True)
    return sum(one != other for one, other in pairs)


def _python_values(column: pd.Series) -> list[object]:
    return [
        None if missing else value for value, missing in zip(column, column.isna(), strict=True)
    ]


def _served(record: Mapping[str, str], name: str) -> object:
    text = record.get(name)
    return None if text is None else _PYTHON_TYPES[TYPES[name]](text)


def _stored(row: Mapping[str, object], name: str) -> object:
    value = row.get(name)
    return None if value is None or pd.isna(value) else value

"""Random histories: few keys and few moments, so that duplicates and late rows are many."""

import random
from datetime import UTC, datetime

import pandas as pd

START = 1_700_000_000
HOUR = 3_600
KEYS = "abcde"
MOMENTS = 8


def random_calls(seed: int, count: int) -> list:
    """(key, moment in seconds, amount, items), where amount is None for a delete."""
    drawn = random.Random(seed)
    calls = []
    for _ in range(count):
        key, moment = drawn.choice(KEYS), START + HOUR * drawn.randrange(MOMENTS)
        amount = None if drawn.random() < 0.15 else drawn.randrange(400) / 4
        calls.append((key, moment, amount, drawn.randrange(5)))
    return calls


def history(early: list, late: list) -> pd.DataFrame:
    """The calls as `expected_dataset` takes them."""
    rows = [
        {
            "id": key,
            "time": float(moment),
            "amount": amount,
            "items": None if amount is None else float(items),
            "is_deleted": amount is None,
            "order": number,
            "is_late": number >= len(early),
        }
        for number, (key, moment, amount, items) in enumerate([*early, *late])
    ]
    frame = pd.DataFrame(rows)
    # Where all are deletes, pandas would take the nothings for objects, which it does not compare.
    return frame.astype({"amount": "float64", "items": "float64"})


def text_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(time: object) -> float:
    """The time of a cell: a text, or seconds already."""
    return datetime.fromisoformat(time).timestamp() if isinstance(time, str) else time

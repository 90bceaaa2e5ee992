"""The demo: its quick form as a user runs it, and the parts whose mistakes it could not see."""

import importlib
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

DEMO = Path(__file__).parents[2] / "examples" / "cdnow"
PARTS = ("agreement", "features", "labels")
CUSTOMERS = 300
SECONDS_MAX = 120
"""Far above the usual 10: tests share their machine."""


@pytest.fixture(scope="module")
def printed() -> str:
    command = [sys.executable, str(DEMO / "demo.py"), "--customers", str(CUSTOMERS)]
    run = subprocess.run(command, capture_output=True, check=False, text=True, timeout=SECONDS_MAX)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == ""
    return run.stdout


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a file of the demo, and leaves no trace of it: its names are short."""
    monkeypatch.syspath_prepend(DEMO)
    for name in PARTS:
        monkeypatch.delitem(sys.modules, name, raising=False)

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    for name in PARTS:
        sys.modules.pop(name, None)


def number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    assert found is not None, f"{pattern!r} is not in:\n{text}"
    return float(found[1].replace(",", ""))


def test_training_and_serving_agree(printed: str) -> None:
    assert f"Skew: 0 of {CUSTOMERS * 9:,} values" in printed
    rows = number(r"History: ([\d,]+) rows for", printed)
    assert rows == number(r"rows for ([\d,]+) records written", printed)
    assert rows == number(r"makes ([\d,]+) rows of features", printed) + 1
    labels = number(r"([\d,]+) labels: does", printed)
    assert f"As-of join: 0 of {int(labels) * 9:,} values" in printed


def test_the_put_is_served(printed: str) -> None:
    before, after = (
        number(rf"total_purchases +│ {columns}", printed) for columns in (r"(\d+)", r"\d+ +│ (\d+)")
    )
    assert after == before + 1


def test_the_leak_shows_in_two_figures(printed: str) -> None:
    labels = number(r"([\d,]+) labels: does", printed)
    assert " 0 labels got features from after their moment" in printed
    assert f"gave {int(labels):,} labels features from after" in printed
    reported, served = (
        number(rf"latest-value join │ {columns}", printed)
        for columns in (r"(\d\.\d+)", r"\d\.\d+ +│ (\d\.\d+)")
    )
    as_of = number(r"as-of join +│ (\d\.\d+)", printed)
    assert reported > as_of > served
    assert reported - served > 0.1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [(["--customers", "99"], "from 100 to 23570"), (["--data", str(DEMO)], "is not empty")],
)
def test_it_refuses_what_cannot_work(arguments: list[str], complaint: str) -> None:
    command = [sys.executable, str(DEMO / "demo.py"), *arguments]
    run = subprocess.run(command, capture_output=True, check=False, text=True, timeout=SECONDS_MAX)
    assert (run.returncode, run.stdout) == (2, "")
    assert complaint in run.stderr


def days(*texts: str) -> pd.Series:
    return pd.Series(pd.to_datetime(list(texts), utc=True))


def purchases() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "a"],
            "date": days("1997-01-01", "1997-04-02", "1997-04-30", "1997-05-01"),
            "dollars": [150.10, 50.00, 10.00, 999.00],
        }
    )


def test_features_know_only_what_came_before(part: Any) -> None:
    found = part("features").features_as_of(purchases(), pd.Timestamp("1997-05-01", tz="UTC"))
    assert found.to_dict("records") == [
        {
            "customer_id": "a",
            "event_time": 862444800.0,
            "total_purchases": 2,
            "total_spend": 200.10,
            "avg_order_value": 100.05,
            "days_since_last_purchase": 29,
            "account_age_days": 120,
            "purchases_last_90d": 1,
            "is_premium": 1,
        },
        {
            "customer_id": "b",
            "event_time": 862444800.0,
            "total_purchases": 1,
            "total_spend": 10.0,
            "avg_order_value": 10.0,
            "days_since_last_purchase": 1,
            "account_age_days": 1,
            "purchases_last_90d": 1,
            "is_premium": 0,
        },
    ]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("1997-04-02", {"a": 1}),  # the moment's own day is in the window
        ("1997-01-02", {"a": 0}),  # 90 days on is not: 1997-04-02
        ("1997-01-03", {"a": 1}),
        ("1997-05-02", {"a": 0, "b": 0}),
    ],
)
def test_labels_look_90_days_ahead(part: Any, moment: str, expected: dict[str, int]) -> None:
    found = part("labels").labels_at(purchases(), [pd.Timestamp(moment, tz="UTC")])
    assert dict(zip(found["customer_id"], found["buys_again"], strict=True)) == expected


def newest() -> pd.DataFrame:
    row = {"customer_id": "a", "event_time": 1.5, "total_purchases": 2, "total_spend": 89.5}
    row |= {"avg_order_value": 44.75, "days_since_last_purchase": 3, "account_age_days": 9}
    return pd.DataFrame([{**row, "purchases_last_90d": 2, "is_premium": 0}])


def served() -> dict[str, str]:
    return {name: str(value) for name, value in newest().to_dict("records")[0].items()}


@pytest.mark.parametrize(
    ("records", "differences"),
    [
        ([{**served(), "total_spend": "89.50"}], 0),
        ([{**served(), "total_spend": "89.51"}], 1),
        ([{name: text for name, text in served().items() if name != "is_premium"}], 1),
        ([], 9),
        ([served(), {**served(), "customer_id": "b"}], 9),
    ],
)
def test_skew_is_counted_by_value(
    part: Any, records: list[dict[str, str]], differences: int
) -> None:
    assert part("agreement").serving_differences(records, newest()) == differences


def test_a_join_that_looks_ahead_is_found(part: Any) -> None:
    agreement, features = part("agreement"), part("features")
    written = features.features_by_month(purchases(), "1997-02", "1997-05")
    labels = pd.DataFrame(
        {"customer_id": ["b", "a"], "label_time": days("1997-04-15", "1997-04-15")}
    )
    may = written[written["event_time"] == written["event_time"].max()]
    ahead = labels.merge(may, on="customer_id", how="left")
    april = written[written["event_time"] == 859852800.0]
    right = labels.merge(april, on="customer_id", how="left")
    assert agreement.join_differences(right, labels, written) == 0
    # b has no row by then, so all but its name is wrong; of a's, purchases_last_90d is right too.
    assert agreement.join_differences(ahead, labels, written) == 8 + 7
    assert agreement.join_differences(right.head(1), labels, written) == 9

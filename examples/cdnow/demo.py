"""From a purchase log to a model that can be trusted: the feature store's main job on real data.

A Tandem server runs in a process of its own. The shop's side writes and reads features with plain
boto3, and asks for training sets with Tandem's library. Every figure printed is of this run.

Exit codes: 0 done; 1 training and serving did not agree, and the last chapter says where.
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

import pandas as pd
from agreement import join_differences, serving_differences
from customer_features import GROUP, CustomerFeatures
from features import TYPES, features_as_of, features_by_month
from labels import WINDOW, label_moments, labels_at
from model import Comparison, compare, held_out_customers
from purchases import CUSTOMERS_TOTAL, of_some_customers, read_purchases
from rich.table import Table
from server import running_server
from story import Story
from training import (
    as_of_training_set,
    features_from_the_future,
    latest_value_training_set,
    newest_in_history,
    rows_in_history,
)

import tandem

CUSTOMERS_DEFAULT = 15_000
CUSTOMERS_MIN = 100
SEED = 1997

FIRST_MONTH, LAST_MONTH = "1997-02", "1998-06"
"""History has a row for each customer as of the start of each of these months."""
FIRST_LABEL_MONTH, LAST_LABEL_MONTH = "1997-04", "1998-02"
"""By April 1997 every customer has bought; the last window of 90 days ends in May 1998."""
TIMED_READS = 200


class Trained(NamedTuple):
    """What is left of the chapters on training for the last one to check."""

    labels: pd.DataFrame
    as_of: pd.DataFrame


def main() -> int:
    arguments = _arguments()
    story = Story()
    with tempfile.TemporaryDirectory(prefix="tandem-demo-") as temporary:
        data = arguments.data or Path(temporary) / "data"
        differences = _tell(story, data, arguments.customers)
    story.show_seconds()
    if arguments.data:
        story.say(f"The store is kept. Look at it: tandem serve --data {arguments.data}")
    return 1 if differences else 0


def _tell(story: Story, data: Path, customers: int) -> int:
    """The demo on the store in `data`. Returns the number of differences that its checks found."""
    with ExitStack() as stack:
        with story.chapter("Compute features from the purchases"):
            purchases, rows = _prepare(story, customers)
        with story.chapter("Start a server, create the feature group"):
            url = stack.enter_context(running_server(data))
            group = CustomerFeatures(url)
            group.create()
            store = stack.enter_context(tandem.connect(url))
            story.say(f"The server is at {url}. boto3 created {GROUP} with {len(TYPES)} features.")
        with story.chapter("Write the history"):
            _write(story, group, rows)
        with story.chapter("Serve a customer, and change what is served"):
            updated = _serve(story, group, purchases, rows)
        written = pd.concat([rows, pd.DataFrame([updated])], ignore_index=True)
        with story.chapter("Train on the past as it was, and on the latest values"):
            trained = _train(story, store, purchases)
        with story.chapter("Check that training and serving agree"):
            return _check(story, store, group, written, trained)


def _prepare(story: Story, customers: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    everything = read_purchases()
    purchases = of_some_customers(everything, customers, SEED)
    rows = features_by_month(purchases, FIRST_MONTH, LAST_MONTH)
    days = purchases["date"].dt.strftime("%Y-%m-%d")
    story.say(
        f"{customers:,} of {CUSTOMERS_TOTAL:,} CDNOW customers made {len(purchases):,} purchases"
        f" from {days.min()} to {days.max()}."
    )
    story.say(
        f"That makes {len(rows):,} rows of features: one a customer at the start of each month"
        f" from {FIRST_MONTH} to {LAST_MONTH}, from the first purchase on."
    )
    return purchases, rows


def _write(story: Story, group: CustomerFeatures, rows: pd.DataFrame) -> None:
    begin = perf_counter()
    with story.progress("BatchWriteRecord", len(rows)) as bar:
        for count in group.write(rows):
            bar.advance(count)
    seconds = perf_counter() - begin
    story.say(
        f"{len(rows):,} records are written to the online store and to history,"
        f" {len(rows) / seconds:,.0f} a second. Each was safe on disk before its call returned."
    )


def _serve(
    story: Story, group: CustomerFeatures, purchases: pd.DataFrame, rows: pd.DataFrame
) -> dict[str, object]:
    """Puts the row of the first purchase after the last month's row; returns that row."""
    last_month = pd.Timestamp(f"{LAST_MONTH}-01", tz="UTC")
    later = purchases[purchases["date"] >= last_month]
    purchase = later.sort_values(["date", "customer_id"]).iloc[0]
    customer_id, day = str(purchase["customer_id"]), purchase["date"]
    own = purchases[purchases["customer_id"] == customer_id]
    # The function that made the history makes the live row too.
    updated = features_as_of(own, day + pd.Timedelta(days=1)).to_dict("records")[0]

    before = group.get(customer_id)
    group.put(updated)
    after = group.get(customer_id)
    story.say(
        f"Customer {customer_id} bought on {day:%Y-%m-%d}: PutRecord with the features as of"
        " the end of that day. GetRecord before and after:"
    )
    table = Table("feature", "before", "after")
    for name in TYPES:
        table.add_row(name, before[name], after[name])
    story.show(table)
    milliseconds = _read_milliseconds(group, rows["customer_id"].unique()[:TIMED_READS])
    story.say(f"A GetRecord takes {milliseconds:.1f} ms here, boto3 included (median).")
    return {str(name): value for name, value in updated.items()}


def _read_milliseconds(group: CustomerFeatures, customer_ids: list[str]) -> float:
    seconds = []
    for customer_id in customer_ids:
        begin = perf_counter()
        group.get(customer_id)
        seconds.append(perf_counter() - begin)
    return median(seconds) * 1000


def _train(story: Story, store: tandem.FeatureStore, purchases: pd.DataFrame) -> Trained:
    moments = label_moments(FIRST_LABEL_MONTH, LAST_LABEL_MONTH)
    labels = labels_at(purchases, moments)
    story.say(
        f"{len(labels):,} labels: does the customer buy again within {WINDOW.days} days? Asked at"
        f" {len(moments)} moments, {moments[0]:%Y-%m-%d} to {moments[-1]:%Y-%m-%d};"
        f" {labels['buys_again'].mean():.1%} say yes."
    )
    begin = perf_counter()
    as_of = as_of_training_set(store, labels)
    seconds = perf_counter() - begin
    latest = latest_value_training_set(labels, newest_in_history(store))
    story.say(
        f"The as-of join took {seconds:.1f} seconds. {features_from_the_future(as_of):,} labels got"
        " features from after their moment."
    )
    story.say(
        f"The latest-value join gave {features_from_the_future(latest):,} labels features from"
        " after their moment."
    )
    held_out = held_out_customers(labels, SEED)
    comparison = compare(as_of, latest, held_out, SEED)
    evaluated = int(labels["customer_id"].isin(held_out).sum())
    _show(story, comparison, f"{evaluated:,} labels of {len(held_out):,} held-out customers")
    return Trained(labels, as_of)


def _show(story: Story, comparison: Comparison, evaluated_on: str) -> None:
    table = Table("model trained on", "AUC it reports", "AUC when served")
    table.add_row("as-of join", f"{comparison.as_of:.3f}", f"{comparison.as_of:.3f}")
    table.add_row(
        "latest-value join",
        f"{comparison.latest_reported:.3f}",
        f"{comparison.latest_served:.3f}",
    )
    story.say(f"Two models, alike but for the join, on {evaluated_on}:")
    story.show(table)
    story.say(
        "It reports: with the features of its own join. When served: with the features as of each"
        " label's moment, which the online store answered then. For the as-of join these are the"
        " same rows."
    )
    story.say(
        f"The latest-value model reports {comparison.latest_reported:.3f} and reaches"
        f" {comparison.latest_served:.3f}: its report is off by"
        f" {comparison.latest_reported - comparison.latest_served:+.3f}. The as-of model reports"
        f" what it reaches, {comparison.as_of:.3f}."
    )


def _check(
    story: Story,
    store: tandem.FeatureStore,
    group: CustomerFeatures,
    written: pd.DataFrame,
    trained: Trained,
) -> int:
    customer_ids = sorted(written["customer_id"].unique())
    served = []
    with story.progress("BatchGetRecord", len(customer_ids)) as bar:
        for record in group.get_many(customer_ids):
            served.append(record)
            bar.advance(1)
    skew = serving_differences(served, newest_in_history(store))
    story.say(
        f"Skew: {skew:,} of {len(customer_ids) * len(TYPES):,} values served online differ from"
        f" the newest in history ({len(customer_ids):,} customers, {len(TYPES)} features)."
    )
    rows = rows_in_history(store)
    story.say(f"History: {rows:,} rows for {len(written):,} records written.")
    joined = join_differences(trained.as_of, trained.labels, written)
    story.say(
        f"As-of join: {joined:,} of {len(trained.labels) * len(TYPES):,} values differ from what"
        " pandas' merge_asof finds in the rows that were sent."
    )
    return skew + joined + abs(rows - len(written))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Tandem's main job on real purchases.")
    parser.add_argument(
        "--customers",
        type=int,
        default=CUSTOMERS_DEFAULT,
        help=f"how many of the {CUSTOMERS_TOTAL} customers, from {CUSTOMERS_MIN} (default:"
        " %(default)s)",
    )
    parser.add_argument(
        "--data", type=Path, help="a new or empty folder to keep the store in (default: none)"
    )
    arguments = parser.parse_args()
    if not CUSTOMERS_MIN <= arguments.customers <= CUSTOMERS_TOTAL:
        parser.error(f"--customers must be from {CUSTOMERS_MIN} to {CUSTOMERS_TOTAL}")
    if arguments.data and arguments.data.exists() and any(arguments.data.iterdir()):
        parser.error(f"--data {arguments.data} is not empty: give a new folder")
    return arguments


if __name__ == "__main__":
    sys.exit(main())

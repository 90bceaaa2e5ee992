"""The purchase log of CDNOW, an online music shop: who bought, when, for how many dollars.

The log knows days, not hours. A purchase counts as made at the start of its day, UTC.
"""

from pathlib import Path

import pandas as pd

LOG = Path(__file__).with_name("cdnow_master.txt.gz")
CUSTOMERS_TOTAL = 23_570


def read_purchases() -> pd.DataFrame:
    """One row a purchase: customer_id (text, five digits), date (UTC), dollars."""
    log = pd.read_csv(
        LOG,
        sep=r"\s+",
        header=0,
        names=["customer_id", "date", "disks", "dollars"],
        dtype={"customer_id": "str", "date": "str"},
    )
    log["date"] = pd.to_datetime(log["date"], format="%Y%m%d", utc=True)
    return log[["customer_id", "date", "dollars"]]


def of_some_customers(purchases: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """The purchases of `count` customers chosen by chance, the same ones for the same seed.

    A greater count keeps the customers of a smaller one.
    """
    everybody = purchases["customer_id"].drop_duplicates().sort_values()
    chosen = everybody.sample(frac=1, random_state=seed).head(count)
    return purchases[purchases["customer_id"].isin(chosen)].reset_index(drop=True)

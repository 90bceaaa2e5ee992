"""The question that the model learns to answer: does this customer buy again within 90 days?

Labels are observed in the middle of months, while features are computed at the start of months. So
no label's moment is a row's event time, and a join has to look for the right row.
"""

import pandas as pd

WINDOW = pd.Timedelta(days=90)
_MIDDLE_OF_MONTH = pd.Timedelta(days=14)


def label_moments(first: str, last: str) -> list[pd.Timestamp]:
    """The 15th of each month from `first` to `last` ("1997-04", say), at the start of the day."""
    months = pd.date_range(f"{first}-01", f"{last}-01", freq="MS", tz="UTC")
    return [month + _MIDDLE_OF_MONTH for month in months]


def labels_at(purchases: pd.DataFrame, moments: list[pd.Timestamp]) -> pd.DataFrame:
    """customer_id, label_time, buys_again: for each moment, every customer who had bought by then.

    A purchase on the moment's own day lies after it: it belongs to the answer, not to the features.
    """
    first_purchase = purchases.groupby("customer_id")["date"].min()
    parts = []
    for moment in moments:
        after = purchases[purchases["date"].between(moment, moment + WINDOW, inclusive="left")]
        known = first_purchase.index[first_purchase < moment]
        parts.append(
            pd.DataFrame(
                {
                    "customer_id": known,
                    "label_time": moment,
                    "buys_again": known.isin(after["customer_id"]).astype("int64"),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)

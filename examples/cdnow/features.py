"""What the shop knows of a customer at a moment. One function computes it, for history and live.

* Only purchases before the moment count: one made on the day that begins then does not.
* A customer without a purchase before the moment has no row.
"""

import pandas as pd

TYPES = {
    "customer_id": "String",
    "event_time": "Fractional",
    "total_purchases": "Integral",
    "total_spend": "Fractional",
    "avg_order_value": "Fractional",
    "days_since_last_purchase": "Integral",
    "account_age_days": "Integral",
    "purchases_last_90d": "Integral",
    "is_premium": "Integral",
}
"""The features with their types in the store; `event_time` is in seconds since 1970."""
MODEL_INPUTS = [name for name in TYPES if name not in ("customer_id", "event_time")]

PREMIUM_DOLLARS = 200.0
"""Who has spent this much is a premium customer."""
_RECENT = pd.Timedelta(days=90)


def features_as_of(purchases: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    """One row for each customer, in the columns of `TYPES`, with event time `moment`."""
    known = purchases[purchases["date"] < moment]
    recent = known[known["date"] >= moment - _RECENT]
    by_customer = known.groupby("customer_id")
    spend = by_customer["dollars"].sum()
    count = by_customer.size()
    # To the cent, as the store is given them: else a sum's last bits would differ by its order.
    computed = pd.DataFrame(
        {
            "event_time": moment.timestamp(),
            "total_purchases": count,
            "total_spend": spend.round(2),
            "avg_order_value": (spend / count).round(2),
            "days_since_last_purchase": (moment - by_customer["date"].max()).dt.days,
            "account_age_days": (moment - by_customer["date"].min()).dt.days,
            "purchases_last_90d": recent.groupby("customer_id")
            .size()
            .reindex(count.index, fill_value=0),
            "is_premium": (spend.round(2) >= PREMIUM_DOLLARS).astype("int64"),
        }
    )
    return computed.reset_index()[list(TYPES)]


def features_by_month(purchases: pd.DataFrame, first: str, last: str) -> pd.DataFrame:
    """The features as of the start of each month from `first` to `last` ("1997-02", say)."""
    moments = pd.date_range(f"{first}-01", f"{last}-01", freq="MS", tz="UTC")
    return pd.concat([features_as_of(purchases, moment) for moment in moments], ignore_index=True)

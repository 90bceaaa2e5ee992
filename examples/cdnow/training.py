"""Two training sets from one store: as of each label's moment, and with the latest values.

The labels and the customers are the same in both. Only the join differs.
"""

import pandas as pd
from customer_features import GROUP
from features import TYPES

from tandem import FeatureStore

LABEL_TIME = "label_time"

NEWEST_IN_HISTORY = f"""
SELECT {", ".join(TYPES)}
FROM (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY customer_id ORDER BY event_time DESC, write_time DESC
        ) AS newest_first
    FROM "{GROUP}"
)
WHERE newest_first = 1 AND NOT is_deleted
"""
"""The newest row of each customer: what the online store should serve, and all it should."""


def as_of_training_set(store: FeatureStore, labels: pd.DataFrame) -> pd.DataFrame:
    """The labels, each with the features that the store held for its customer at its moment.

    The column `event_time` tells from when the features are.
    """
    features = [f"{GROUP}:{name}" for name in TYPES if name != "customer_id"]
    return store.training_set(labels, features, event_time=LABEL_TIME).to_pandas()


def newest_in_history(store: FeatureStore) -> pd.DataFrame:
    """One row a customer, in the columns of `TYPES`."""
    return store.sql(NEWEST_IN_HISTORY).to_pandas()


def rows_in_history(store: FeatureStore) -> int:
    """How many rows the group's history has, those not yet delivered to files included."""
    counted = store.sql(f'SELECT count(*) AS history_rows FROM "{GROUP}"').to_arrow()
    return int(counted.column("history_rows")[0].as_py())


def latest_value_training_set(labels: pd.DataFrame, newest: pd.DataFrame) -> pd.DataFrame:
    """The labels, each with its customer's newest features, whenever they are from: the mistake."""
    return labels.merge(newest, on="customer_id", how="left", validate="many_to_one")


def features_from_the_future(training_set: pd.DataFrame) -> int:
    """How many labels have features from after their own moment."""
    moments = training_set[LABEL_TIME].map(pd.Timestamp.timestamp)
    return int((training_set["event_time"] > moments).sum())

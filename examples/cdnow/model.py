"""A model that ranks customers by how likely they are to buy again, and how well it ranks.

The measure is AUC: the chance that a customer who does buy again is ranked above one who does not.
0.5 is a coin, 1.0 is perfect. It is always taken on customers that the model has not seen.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from features import MODEL_INPUTS
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

LABEL = "buys_again"
HELD_OUT_SHARE = 0.3


class Comparison(NamedTuple):
    """AUC on the labels of held-out customers: as a model's own evaluation has it, and in service.

    Reported means with the features of the training set that the model comes from. Served means
    with the features as of each label's moment, which is what the online store answered then. For
    the as-of model these are the same rows, so there is one figure.

    as_of             the as-of model, reported and served
    latest_reported   the latest-value model, with the latest values
    latest_served     the latest-value model, with the features as of each label's moment
    """

    as_of: float
    latest_reported: float
    latest_served: float


def held_out_customers(labels: pd.DataFrame, seed: int) -> set[str]:
    """Customers for evaluation alone, with all their labels; the same ones for the same seed."""
    everybody = np.sort(labels["customer_id"].unique().astype(str))
    count = round(len(everybody) * HELD_OUT_SHARE)
    return set(np.random.default_rng(seed).choice(everybody, count, replace=False))


def compare(as_of: pd.DataFrame, latest: pd.DataFrame, held_out: set[str], seed: int) -> Comparison:
    """Trains one model on each training set, with the same settings, and evaluates both."""
    # One thread: on a busy machine OpenMP's threads spend most of their time waiting for another.
    with threadpool_limits(1, user_api="openmp"):
        as_of_model = _train(as_of, held_out, seed)
        latest_model = _train(latest, held_out, seed)
        return Comparison(
            as_of=_auc(as_of_model, as_of, held_out),
            latest_reported=_auc(latest_model, latest, held_out),
            latest_served=_auc(latest_model, as_of, held_out),
        )


def _train(
    training_set: pd.DataFrame, held_out: set[str], seed: int
) -> HistGradientBoostingClassifier:
    rows = training_set[~training_set["customer_id"].isin(held_out)]
    model = HistGradientBoostingClassifier(random_state=seed)
    return model.fit(_inputs(rows), _answers(rows))


def _auc(
    model: HistGradientBoostingClassifier, training_set: pd.DataFrame, held_out: set[str]
) -> float:
    rows = training_set[training_set["customer_id"].isin(held_out)]
    return float(roc_auc_score(_answers(rows), model.predict_proba(_inputs(rows))[:, 1]))


def _inputs(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[MODEL_INPUTS].astype("float64")


def _answers(rows: pd.DataFrame) -> pd.Series:
    return rows[LABEL].astype("int64")

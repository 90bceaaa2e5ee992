"""The article that builds a feature store: features computed, ingested, joined to labels."""

import re
import sys
from pathlib import Path

import pandas as pd
import patience  # noqa: F401
from code_in_text import blocks, statements
from refusal import refused
from sagemaker.feature_store.feature_definition import FeatureDefinition, FeatureTypeEnum

text = Path(sys.argv[1]).read_text()
user, product, compute, ingest, training = blocks(text)
space = {}
for block, name in ((user, "user"), (product, "product")):
    # FeatureGroup.load_feature_definitions takes a frame, and nothing else.
    with refused(TypeError, "'feature_definitions'"):
        exec(block, space)
    pairs = re.findall(r"'FeatureName': '(\w+)', 'FeatureType': '(\w+)'", block)
    space[f"{name}_feature_group"].feature_definitions = [
        FeatureDefinition(feature, FeatureTypeEnum(kind)) for feature, kind in pairs
    ]
    exec(statements(block, f"{name}_feature_group.create(")[0], space)
exec(compute, space)
exec(ingest, space)

events = pd.DataFrame(
    {
        "user_id": ["u1", "u1", "u2"],
        "session_id": ["s1", "s1", "s2"],
        "page_path": ["/", "/cart", "/"],
        "timestamp": pd.to_datetime(["2024-05-01", "2024-05-02", "2024-05-01"], utc=True),
        "event_type": ["view", "purchase", "view"],
        "order_id": [None, "o1", None],
        "amount": [None, 9.5, None],
    }
)
users = space["compute_user_features"](events, pd.Timestamp("2024-05-03", tz="UTC"))
# Sums and filled columns come out as real numbers; the group has whole ones.
kinds = space["user_feature_group"].feature_definitions
whole = [one.feature_name for one in kinds if one.feature_type is FeatureTypeEnum.INTEGRAL]
space["ingest_features"](users.astype(dict.fromkeys(whole, "int64")), "user-features")
products = pd.DataFrame(
    {"product_id": ["p1"], "event_time": ["2024-05-01T00:00:00Z"], "price": [2.5]}
)
space["ingest_features"](products, "product-features")

exec(training, space)
query = space["user_feature_group"].athena_query()


def run(statement):
    query.run(statement, f"s3://{space['session'].default_bucket()}/query-results/")
    query.wait()
    status = query.get_query_execution()["QueryExecution"]["Status"]
    assert status["State"] == "SUCCEEDED", status


run(
    "CREATE TABLE training_labels AS SELECT * FROM (VALUES"
    " ('u1', 'p1', 1, '2024-06-01T00:00:00Z'), ('u1', 'p1', 0, '2024-05-02T00:00:00Z'),"
    " ('u3', 'p1', 0, '2024-06-01T00:00:00Z')) AS t (user_id, product_id, label, event_time)"
)
run(space["query"])
found = query.as_dataframe().sort_values(["user_id", "event_time"])
assert found["label"].tolist() == [0, 1, 0]
assert found["price"].tolist() == [2.5] * 3
# A label from before the features has none.
assert found["total_spend_30d"].isna().tolist() == [True, False, True]

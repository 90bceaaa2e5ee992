"""The article that shows the SDK and boto3, step by step."""

import sys
from pathlib import Path

import patience  # noqa: F401
from code_in_text import blocks
from refusal import refused

code = blocks(Path(sys.argv[1]).read_text())
assert len(code) == 9
space = {}
# FeatureGroup.put_record takes `record`, not `Record`.
REJECTED_BY_THE_SDK = {1: "'Record'", 7: "'Record'"}
for number, block in enumerate(code):
    if number in REJECTED_BY_THE_SDK:
        with refused(TypeError, REJECTED_BY_THE_SDK[number]):
            exec(block, space)
    else:
        exec(block, space)
assert len(space["training_df"]) == 1_000
assert space["ingestion_manager"].failed_rows == []
assert len(space["features"]) == 10

# Its last query is only written down there.
query, output = space["query"], f"s3://{space['bucket']}/query-results/"


def run(statement):
    query.run(statement, output)
    query.wait()
    status = query.get_query_execution()["QueryExecution"]["Status"]
    assert status["State"] == "SUCCEEDED", status


run(
    "CREATE TABLE labels_table AS SELECT 'C0001' AS customer_id, 1 AS purchased,"
    " CAST(current_timestamp + INTERVAL '1' HOUR AS timestamp) AS event_timestamp"
)
run(space["point_in_time_query"])
found = query.as_dataframe()
assert found["customer_id"].tolist() == ["C0001"]
assert found["total_purchases"].notna().all()

"""A put is in the very next query over history, while delivery runs.

TANDEM_QUERY_ROUNDS says how many times; `make soak` tries 1,000.
"""

import os
from pathlib import Path

import tandem
from e2e.server_process import ServerProcess

ROUNDS = int(os.environ.get("TANDEM_QUERY_ROUNDS", "250"))


def test_a_query_sees_the_put_before_it(tmp_path: Path) -> None:
    # Delivery all the time, so that rows are met in the log, in files, and on their way.
    settings = {"TANDEM_DELIVERY_INTERVAL_SECONDS": "0.2"}
    with ServerProcess(tmp_path / "data", environment=settings) as server:
        store = tandem.connect(server.url)
        store.create_feature_group(
            "own-writes",
            features={"id": "String", "time": "Fractional", "number": "Integral"},
            record_identifier="id",
            event_time="time",
        )
        client = server.client("sagemaker-featurestore-runtime")
        for number in range(ROUNDS):
            values = {"id": f"C{number % 7}", "time": "1700000000.5", "number": str(number)}
            client.put_record(
                FeatureGroupName="own-writes",
                Record=[
                    {"FeatureName": name, "ValueAsString": text} for name, text in values.items()
                ],
            )
            seen = store.sql('SELECT count(*) AS rows, max(number) AS newest FROM "own-writes"')
            assert seen.to_arrow().to_pylist() == [{"rows": number + 1, "newest": number}]
        files = list((server.data / "s3").rglob("data/**/*.parquet"))
        assert len(files) > 5, "delivery did not run meanwhile"
        store.close()

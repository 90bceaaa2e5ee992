"""PutRecord, then at once Athena: the row is there, while delivery runs.

TANDEM_ATHENA_ROUNDS says how many rounds; `make soak` runs 1,000.
"""

import os
from pathlib import Path

from e2e.athena.session import NOON, AthenaSession
from e2e.server_process import ServerProcess

ROUNDS = int(os.environ.get("TANDEM_ATHENA_ROUNDS", "60"))


def test_a_query_sees_the_put_before_it(tmp_path: Path) -> None:
    settings = {"TANDEM_DELIVERY_INTERVAL_SECONDS": "0.3"}
    with ServerProcess(tmp_path / "data", environment=settings) as server:
        athena = AthenaSession(server)
        athena.create_group("own-writes", number="Integral")
        runtime = server.client("sagemaker-featurestore-runtime")
        for number in range(ROUNDS):
            values = {"id": f"C{number % 7}", "event_time": NOON, "number": number}
            runtime.put_record(
                FeatureGroupName="own-writes",
                Record=[
                    {"FeatureName": name, "ValueAsString": str(value)}
                    for name, value in values.items()
                ],
            )
            found = athena.rows('SELECT count(*), max(number) FROM "own-writes"')
            assert found == [[str(number + 1), str(number)]]
        files = list((server.data / "s3").rglob("data/**/*.parquet"))
        assert len(files) > 2, "delivery did not run meanwhile"

"""The example that compares GetRecord with BatchGetRecord, as a user runs it."""

import os
import re
import subprocess
import sys
from pathlib import Path

from e2e.server_process import ServerProcess

EXAMPLE = Path(__file__).parents[2] / "examples" / "get_or_batch_get.py"
ENTITIES = 150


def test_it_compares_and_plots(server: ServerProcess, tmp_path: Path) -> None:
    before = server.client("sagemaker").list_feature_groups()["FeatureGroupSummaries"]
    path = tmp_path / "plot.svg"
    command = [sys.executable, str(EXAMPLE), "--endpoint-url", server.url, "--rounds", "3"]
    run = subprocess.run(
        [*command, "--entities", str(ENTITIES), "--plot", str(path)],
        env={
            **os.environ,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
        },
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    # 150 records are 150 calls, or two of at most 100.
    figures = r"((?: +│ +\d+\.\d\d){4})"
    for calls in (f"{ENTITIES} x GetRecord", "2 x BatchGetRecord"):
        found = re.search(calls + figures, run.stdout)
        assert found is not None, run.stdout
        total, p50, p95, p99 = (float(one) for one in re.findall(r"\d+\.\d\d", found[1]))
        assert 0 < p50 <= p95 <= p99
        assert total >= p50
    assert re.search(r"reads them \d+\.\d times as fast", run.stdout)
    assert path.read_text().count("<svg") == 1
    # It leaves nothing behind.
    after = server.client("sagemaker").list_feature_groups()["FeatureGroupSummaries"]
    assert after == before

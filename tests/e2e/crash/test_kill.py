"""Nothing acknowledged is lost and nothing is in history twice, whenever the server is killed.

Two kinds of end: `kill -9` (what the kernel has, survives) and a power cut (what was not synced is
gone). TANDEM_KILL_ROUNDS sets the number of rounds; the soak has 50.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from e2e.crash.workload import GROUPS, Account, Writers, create_groups
from e2e.power_loss import Unavailable, build, environment, reconstruct
from e2e.server_process import ServerProcess

ROUNDS = int(os.environ.get("TANDEM_KILL_ROUNDS", "3"))
MUTANT_ROUNDS_MAX = 30
HERE = Path(__file__).parent

# Delivery all the time, and in small ranges, so that kills fall into every step of it.
SETTINGS = {
    "TANDEM_DELIVERY_INTERVAL_SECONDS": "0.05",
    "TANDEM_DELIVERY_ENTRIES_MAX": "200",
    "TANDEM_EXPIRY_INTERVAL_SECONDS": "0.3",
}

Cut = Callable[[int, Path], tuple[Mapping[str, str], Callable[[], Path]]]
"""Gives, for a round and its data folder, variables for the server and what a kill leaves of it."""


def kill_alone(number: int, data: Path) -> tuple[Mapping[str, str], Callable[[], Path]]:
    return {}, lambda: data


def power_cut(folder: Path, seed: int | None) -> Cut:
    try:
        library = build(folder)
    except Unavailable as missing:
        pytest.skip(f"the power-loss library cannot be used here: {missing}")

    def prepare(number: int, data: Path) -> tuple[Mapping[str, str], Callable[[], Path]]:
        image, after = folder / f"image-{number}", folder / f"data-{number}"
        round_seed = None if seed is None else seed * 1_000 + number
        variables = environment(library, data, image)

        def cut() -> Path:
            reconstruct(data, image, after, seed=round_seed)
            # In its place, so that every round is in one folder.
            shutil.rmtree(data)
            return after.rename(data)

        return variables, cut

    return prepare


def rounds(folder: Path, prepare: Cut, count: int, **variables: str) -> list[str]:
    """Runs writers and kills the server `count` times; returns the first round's faults."""
    chance = random.Random(folder.name)
    account = Account()
    data = folder / "data"
    data.mkdir()
    for number in range(count):
        added, survivor = prepare(number, data)
        server = ServerProcess(data, environment={**SETTINGS, **variables, **added})
        if number == 0:
            create_groups(server)
        writers = Writers(server, f"round-{number}", account)
        writers.begin()
        time.sleep(chance.uniform(0.3, 1.5))
        server.kill()
        writers.join()
        data = survivor()
        if wrong := verify(folder, data, account):
            return wrong
    assert len(account.acknowledged) > 10 * count, "the writers hardly wrote anything"
    return []


def verify(folder: Path, data: Path, account: Account) -> list[str]:
    account.save(folder / "account.json")
    found = subprocess.run(
        [sys.executable, HERE / "verify.py", data, folder / "account.json"],
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )
    if found.returncode != 0:
        return [f"the store cannot be read: {found.stderr[-2000:]}"]
    wrong: list[str] = json.loads(found.stdout)
    return wrong


def test_kill_9_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    assert rounds(tmp_path, kill_alone, ROUNDS) == []


def test_a_power_cut_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    assert rounds(tmp_path, power_cut(tmp_path, None), ROUNDS) == []


def test_a_power_cut_that_keeps_some_unsynced_pages(tmp_path: Path) -> None:
    assert rounds(tmp_path, power_cut(tmp_path, 1), ROUNDS) == []


def test_a_server_goes_on_after_kills(tmp_path: Path) -> None:
    """What was acknowledged before the kill is served by the server started after it."""
    account = Account()
    with ServerProcess(tmp_path / "data", environment=SETTINGS) as server:
        create_groups(server)
        writers = Writers(server, "before", account)
        writers.begin()
        time.sleep(0.7)
        server.kill()
        writers.join()
    own = [token for token, key in account.acknowledged.items() if key == token]
    with ServerProcess(tmp_path / "data", environment=SETTINGS) as server:
        client = server.client("sagemaker-featurestore-runtime")
        for group in GROUPS:
            last = [token for token in own if token.startswith(f"{group}/")][-100:]
            assert last
            identifiers = [{"FeatureGroupName": group, "RecordIdentifiersValueAsString": last}]
            answer = client.batch_get_record(Identifiers=identifiers)
            found = [record["RecordIdentifierValueAsString"] for record in answer["Records"]]
            assert found == last


@pytest.mark.parametrize(
    ("mutant", "needs_power_cut"),
    [("AnswersBeforeSync", True), ("DecidesOutsideTheTransaction", False)],
)
def test_planted_bugs_are_found(tmp_path: Path, mutant: str, needs_power_cut: bool) -> None:
    prepare = power_cut(tmp_path, None) if needs_power_cut else kill_alone
    planted = {
        "TANDEM_ONLINE_STORE": f"mutants:{mutant}",
        "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
    }
    assert rounds(tmp_path, prepare, MUTANT_ROUNDS_MAX, **planted) != []

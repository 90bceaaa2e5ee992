"""The SDK's data sets on histories that Hypothesis draws equal a computation in pandas.

The SDK has environments of its own: a process with it stays up and is asked case by case.
TANDEM_DATASET_EXAMPLES sets how many are tried. A leak that is planted in a server is found.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from e2e.sagemaker.notebook import HERE, VERSIONS, environment_of, python_with_sdk
from e2e.sagemaker.random_history import HOUR, START
from e2e.server_process import ServerProcess

EXAMPLES = int(os.environ.get("TANDEM_DATASET_EXAMPLES", "8"))
GROUPS = ("texts", "reals", "third")
COMPARATORS = ("=", "<>", ">", ">=", "<", "<=")
KINDS = ("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
Case = dict[str, Any]

keys = st.sampled_from("abc")
moments = st.integers(0, 4).map(lambda hour: START + HOUR * hour)
amounts = st.sampled_from([0.25, 0.5, 7.0, 0.25, 0.5, 7.0, None])
calls = st.tuples(keys, moments, amounts, st.integers(0, 2))
label_rows = st.lists(
    st.tuples(keys, moments, st.integers(0, 1)),
    min_size=1,
    max_size=5,
    unique_by=lambda row: row[:2],
)
flags = st.sampled_from([False, False, True])
plain_joins = st.just({})
odd_joins = st.fixed_dictionaries(
    {"kind": st.sampled_from(KINDS), "comparator": st.sampled_from(COMPARATORS)},
    optional={"ours": st.just("id"), "theirs": st.just("id")},
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A question, and the histories that it is about: few keys and few moments, so many ties."""
    base: Any = draw(st.sampled_from(GROUPS) | label_rows)
    joins = draw(
        st.lists(
            st.sampled_from([name for name in GROUPS if name != base]), max_size=2, unique=True
        )
    )
    options: Case = {}
    if joins or isinstance(base, str):
        # Of labels alone the SDK asks none of this.
        options |= {name: draw(flags) for name in ("with_duplicates", "with_deleted", "is_as_of")}
    if not isinstance(base, str) and options.get("with_duplicates"):
        options["with_deleted"] = False  # for both, the SDK looks for is_deleted in the labels
    if joins:
        options["is_point_in_time"] = draw(st.booleans())
    ends = st.none() | st.integers(0, 8).map(lambda half: START + HOUR * half / 2)
    options["start"], options["end"] = draw(st.tuples(ends, ends))
    is_plain = draw(st.booleans())
    if is_plain and not options.get("with_duplicates"):
        # Elsewhere the newest rows are not determined: there are ties, or no times at all.
        options["recent"] = draw(st.none() | st.integers(1, 3))
    named = {base, *joins} if isinstance(base, str) else set(joins)
    # To wait until calls are late costs a second; they differ from others in `as_of` alone.
    late = st.lists(calls, max_size=3) if options.get("is_as_of") else st.just([])
    return {
        "early": {name: draw(st.lists(calls, min_size=1, max_size=8)) for name in sorted(named)},
        "late": {name: draw(late) for name in sorted(named)},
        "base": base,
        "joins": joins,
        "join_options": [draw(plain_joins if is_plain else odd_joins) for _ in joins],
        "options": options,
    }


class Asked:
    """A process with the SDK, which says of a case what is wrong with it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def check(self, case: Case) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(case) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process with the SDK has ended: its log says why"
        failure = json.loads(answer)["failure"]
        assert failure is None, failure


@contextmanager
def sdk_on(server: ServerProcess, version: str, folder: Path) -> Iterator[Asked]:
    python = python_with_sdk(version)
    environment = environment_of(server, folder)
    environment["PYTHONPATH"] += f":{HERE}"
    with (
        (folder / "sdk.log").open("w") as log,
        subprocess.Popen(
            [str(python), str(HERE / "dataset_cases.py"), version],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            yield Asked(process)
        finally:
            process.kill()


def try_cases(asked: Asked, tried: st.SearchStrategy[Case], **more: Any) -> None:
    @settings(
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        **more,
    )
    @given(tried)
    def run(case: Case) -> None:
        note(json.dumps(case))
        asked.check(case)

    run()


@pytest.mark.parametrize("version", VERSIONS)
def test_data_sets_are_what_pandas_computes(
    version: str, server: ServerProcess, tmp_path: Path
) -> None:
    with sdk_on(server, version, tmp_path / version) as asked:
        try_cases(asked, cases(), max_examples=EXAMPLES, phases=[Phase.generate, Phase.shrink])


class LeakingServer(ServerProcess):
    program = (str(HERE / "leaking_server.py"),)


def test_a_planted_leak_is_found(tmp_path: Path) -> None:
    version = "v3"  # either: the leak is in the server
    python_with_sdk(version)
    of_moments = cases().filter(lambda case: case["options"].get("is_point_in_time"))
    # Rows that differ, and no other failure, say that it was found.
    rows_differ = r"\n\s*AssertionError: .*'is_point_in_time': True"
    with (
        LeakingServer(tmp_path / "data") as server,
        sdk_on(server, version, tmp_path / version) as asked,
        pytest.raises(AssertionError, match=rows_differ),
    ):
        try_cases(asked, of_moments, max_examples=100, phases=[Phase.generate], derandomize=True)

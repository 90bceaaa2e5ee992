"""`tandem cost` with figures, which needs no store."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tandem.cli.cost import cost

GIVEN = ("--record-kb", "15", "--reads", "1000", "--records", "50000000")


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(cost, arguments)
    assert done.exit_code == code, done.output
    return done.output


def test_a_workload_in_figures() -> None:
    shown = run(*GIVEN)
    assert "2,949.87" in shown
    assert "5,715 read and 0 write units" in shown
    assert "the break-even is an average use of 14.4% (reads)" in shown
    assert "1 machine of one's own cost less than AWS's storage alone" in shown
    found = json.loads(run(*GIVEN, "--machines", "3", "--machine-price", "2", "--json"))
    assert found["costs"]["on_demand"]["reads"] == pytest.approx(2_628)
    assert found["costs"]["self_hosted"]["machines"] == pytest.approx(3 * 2 * 730)
    assert found["cheaper_mode"] == "Provisioned"


def test_without_requests_machines_are_never_cheaper() -> None:
    shown = run("--record-kb", "1", "--online-gb", "1")
    assert "never cheaper" in shown
    found = json.loads(run("--record-kb", "1", "--online-gb", "1", "--json"))
    assert found["break_even"]["self_hosted"] is None


def test_prices_of_a_file(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("online_gb_month: 1.25\nregion: eu-west-1\n")
    found = json.loads(run(*GIVEN, "--prices", str(prices), "--json"))
    assert found["costs"]["on_demand"]["storage"] == pytest.approx(894.07, abs=0.01)
    assert found["prices"]["region"] == "eu-west-1"
    assert found["prices"]["source"].startswith("prices.yaml, ")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("online_gb: 1", "'online_gb'"),
        ("online_gb_month: -1", "online_gb_month -1"),
        ("online_gb_month: dear", "online_gb_month 'dear'"),
        ("- 1", "holds no prices"),
        ("", "holds no prices"),
        ("a: [", "prices.yaml"),
    ],
)
def test_a_bad_file_of_prices_is_refused(tmp_path: Path, text: str, named: str) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text(text)
    shown = run(*GIVEN, "--prices", str(prices), code=1)
    assert named in shown
    assert len(shown.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "named", "code"),
    [
        (("--reads", "1"), "--record-kb", 2),
        (("group", "--record-kb", "1"), "not both", 2),
        (("--record-kb", "0", "--reads", "1"), "record_bytes 0", 1),
        (("--record-kb", "1", "--reads", "-1"), "--reads", 2),
        (("--record-kb", "1", "--reads", "2", "--peak-reads", "1"), "peak", 1),
        (("--record-kb", "1", "--reads", "1", "--utilization", "2"), "utilization 2", 1),
        (("--record-kb", "nan", "--reads", "1"), "--record-kb", 2),
        (("--record-kb", "1", "--records", "1" + "0" * 400), "records of more", 1),
        (("--record-kb", "1", "--machines", "1" + "0" * 400), "machines of more", 1),
        (("--record-kb", "1", "--reads", "5", "--utilization", "5e-324"), "utilization 5e-324", 1),
        (("--last-hours", "0.5"), "--last-hours", 2),
    ],
)
def test_impossible_figures_are_refused(arguments: tuple[str, ...], named: str, code: int) -> None:
    assert named in run(*arguments, code=code)

"""What commands print."""

import json
import logging
import sys
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from tandem.cli.output import Failure, LogLines, print_json, print_line, print_table
from tandem.sdk.tables import Table


def test_an_error_is_one_line_that_a_terminal_shows() -> None:
    message = "the value\n  'a\tb' \x1b[31m is\r\nwrong"
    assert Failure(message).format_message() == r"the value 'a b' \x1b[31m is wrong"
    assert Failure(message).exit_code == 1


def test_what_a_store_logs_is_a_line_without_a_traceback() -> None:
    try:
        raise KeyError("a\nb")
    except KeyError:
        record = logging.LogRecord(
            "tandem.x", logging.ERROR, "", 1, "%s failed,\ntoday", ("delivery",), sys.exc_info()
        )
    assert LogLines().format(record) == r"Error: delivery failed, today: KeyError: 'a\nb'"
    plain = logging.LogRecord("tandem.x", logging.WARNING, "", 1, "it is late", (), None)
    assert LogLines().format(plain) == "Warning: it is late"


def test_json_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(
        {
            "nan": float("nan"),
            "infinities": [float("inf"), (-float("inf"), 1.5)],
            "when": datetime(2024, 1, 1, 12),
            "price": Decimal("1.10"),
            "age": timedelta(seconds=1),
            "name": "Zürich",
            7: None,
        }
    )
    shown = capsys.readouterr().out
    assert "Zürich" in shown
    assert json.loads(shown, parse_constant=pytest.fail) == {
        "nan": None,
        "infinities": [None, [None, 1.5]],
        "when": "2024-01-01T12:00:00",
        "price": "1.10",
        "age": "0:00:01",
        "name": "Zürich",
        "7": None,
    }


def test_in_a_pipe_a_row_is_one_line_without_colour(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(Table(["name", "[b]value"], [["a", "x" * 300]], cell_length_max=None))
    print_line("[green]made[/green]", "green")
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 4
    assert "x" * 300 in shown
    assert "[b]value" in shown
    assert "[green]made[/green]" in shown

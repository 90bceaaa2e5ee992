"""Tables for people: what a cell shows, and what it must not do."""

from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from rich.console import Console

from tandem.sdk.tables import Table, cell, first_rows, html, iso, moment, plain, printable, styled


def lines(table: Table, width: int) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(styled(table, width))
    return [line.rstrip() for line in captured.get().splitlines()]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        ("", ""),
        (0, "0"),
        (False, "False"),
        ({"team": "growth", "tier": "gold"}, "team=growth, tier=gold"),
        (["OnlineStore", "OfflineStore"], "OnlineStore, OfflineStore"),
        ([1.5, None], "1.5, "),
        ("a\nb", r"a\nb"),
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("right\u202eleft", r"right\u202eleft"),
        ("\udcff", r"\udcff"),
        ("Zürich 東京", "Zürich 東京"),
    ],
)
def test_a_cell_is_one_line_that_a_terminal_shows(value: object, shown: str) -> None:
    assert cell(value) == shown
    assert printable(cell(value)) == cell(value)


def test_a_long_value_is_cut_and_can_be_had_whole() -> None:
    assert cell("x" * 80) == "x" * 80
    assert cell("x" * 81) == "x" * 79 + "…"
    assert len(cell("\x1b" * 350_000)) == 80
    assert cell("x" * 350_000, None) == "x" * 350_000


def test_markup_is_shown_as_it_is_written() -> None:
    table = Table(["[b]name[/b]"], [["[red]a[/red]"], ["<script>alert('x')</script>"]], "[i]t[/i]")
    assert "[b]name[/b]" in plain(table)
    assert "[red]a[/red]" in plain(table)
    assert "[i]t[/i]" in plain(table)
    shown = html(Table(["<b>"], [["<script>alert('x')</script>"]], "<i>"))
    assert "<script" not in shown
    assert "<b>" not in shown
    assert "<i>" not in shown
    assert "&lt;script&gt;" in shown


def test_plain_text_has_a_line_under_its_header_and_numbers_to_the_right() -> None:
    table = Table(["name", "rows"], [["a", 5], ["bb", None], ["c", 1000]])
    assert plain(table).splitlines() == [
        "name   rows",
        "───────────",
        "a         5",
        "bb",
        "c      1000",
    ]


def test_facts_have_no_header() -> None:
    assert plain(Table(["", ""], [["rows", 3], ["name", "g"]])) == "rows   3\nname   g"
    assert "<thead>" not in html(Table(["", ""], [["rows", 3]]))


def test_columns_that_do_not_fit_are_named() -> None:
    table = Table([f"column_{index}" for index in range(9)], [["x" * 9] * 9])
    assert lines(table, 200)[0].split() == [f"column_{index}" for index in range(9)]
    shown = lines(table, 40)
    assert shown[0].split() == ["column_0", "column_1", "column_2"]
    assert " ".join(shown[3:]).startswith("and 6 columns: column_3, column_4")
    assert all(len(line) <= 40 for line in shown)
    assert lines(table, 5)[0].startswith("colum")


def test_a_wide_value_is_folded_and_nothing_of_it_is_lost() -> None:
    shown = lines(Table(["name", "value"], [["a", "x" * 70]]), 40)
    assert sum(line.count("x") for line in shown) == 70
    assert all(len(line) <= 40 for line in shown)


def test_html_names_how_many_columns_are_left_out() -> None:
    shown = html(Table([f"c{index}" for index in range(60)], [list(range(60))]))
    assert "… and 10 columns" in shown
    assert "<td>49</td>" in shown
    assert "<td>50</td>" not in shown


def test_columns_may_share_a_name() -> None:
    table = pa.Table.from_arrays([pa.array([1, 2]), pa.array([3, 4])], names=["a", "a"])
    assert first_rows(table, 1) == Table(["a", "a"], [(1, 3)])


def test_times_are_iso_in_utc() -> None:
    assert moment(1_700_000_000_999_999) == "2023-11-14T22:13:20Z"
    there = timezone(timedelta(hours=2))
    assert iso(datetime(2024, 1, 1, 12, tzinfo=there)) == "2024-01-01T10:00:00Z"
    assert iso(datetime(2024, 1, 1, 12, 0, 0, 5, tzinfo=UTC)) == "2024-01-01T12:00:00Z"

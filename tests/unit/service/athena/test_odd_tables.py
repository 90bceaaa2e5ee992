"""Tables and views of the catalog that anybody may have written, with anything in them."""

import base64

import pytest

from tandem.errors import QueryFailed
from tandem.model.catalog import CatalogTable
from tandem.query.athena.types import arrow_type
from tandem.query.tables import DelimitedText
from tandem.service.athena.serdes import LAZY_SIMPLE, OPEN_CSV, file_format
from tandem.service.athena.views import view_query


@pytest.mark.parametrize(
    ("written", "delimiter"),
    [
        ("44", ","),
        ("\\001", "\\001"),
        ("001", "\x01"),
        ("7", "7"),
        ("²²", "²²"),
        ("9" * 12, "9" * 12),
    ],
)
def test_a_delimiter_may_be_a_code(written: str, delimiter: str) -> None:
    table = CatalogTable(
        database="d", name="t", serde=LAZY_SIMPLE, serde_parameters={"field.delim": written}
    )
    found = file_format(table, {})
    assert isinstance(found, DelimitedText)
    assert found.delimiter == delimiter


@pytest.mark.parametrize("lines", ["²", "-1", "x", "9" * 30])
def test_a_number_of_header_lines_that_is_none(lines: str) -> None:
    table = CatalogTable(database="d", name="t", serde=OPEN_CSV)
    with pytest.raises(QueryFailed, match="is not a number"):
        file_format(table, {"skip.header.line.count": lines})


@pytest.mark.parametrize("name", ["decimal(99,3)", "array<" * 2_000 + "int" + ">" * 2_000])
def test_a_type_that_cannot_be(name: str) -> None:
    with pytest.raises(QueryFailed, match="NOT_SUPPORTED"):
        arrow_type(name)


def test_a_view_that_is_nested_too_deep() -> None:
    text = f"/* Presto View: {base64.b64encode(b'[' * 100_000).decode()} */"
    with pytest.raises(QueryFailed, match="INVALID_VIEW"):
        view_query(CatalogTable(database="d", name="v", view_original_text=text))

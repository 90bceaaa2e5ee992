"""Shapes of glue: the search of tables."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from tandem.wire.shapes.glue import Name
from tandem.wire.shapes.glue_databases import ResourceShareType
from tandem.wire.shapes.glue_tables import Table
from tandem.wire.shapes.shape import Shape

SEARCH_PAGE_MAX = 1_000

_Value = Annotated[str, Meta(min_length=1, max_length=1_024)]


class Comparator(StrEnum):
    EQUALS = "EQUALS"
    GREATER_THAN = "GREATER_THAN"
    LESS_THAN = "LESS_THAN"
    GREATER_THAN_EQUALS = "GREATER_THAN_EQUALS"
    LESS_THAN_EQUALS = "LESS_THAN_EQUALS"


class Sort(StrEnum):
    ASC = "ASC"
    DESC = "DESC"


class PropertyPredicate(Shape):
    """The model requires neither key nor value; a filter without one is refused all the same."""

    key: _Value | None = None
    value: _Value | None = None
    comparator: Comparator | None = None


class SortCriterion(Shape):
    field_name: _Value | None = None
    sort: Sort | None = None


class SearchTablesRequest(Shape):
    catalog_id: Name | None = None
    next_token: str | None = None
    filters: list[PropertyPredicate] | None = None
    search_text: _Value | None = None
    sort_criteria: Annotated[list[SortCriterion], Meta(max_length=1)] | None = None
    max_results: Annotated[int, Meta(ge=1, le=SEARCH_PAGE_MAX)] | None = None
    resource_share_type: ResourceShareType | None = None
    include_status_details: bool | None = None


class SearchTablesResponse(Shape):
    next_token: str | None = None
    table_list: list[Table] | None = None

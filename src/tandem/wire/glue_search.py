"""Glue's search of tables, a page at a time."""

import asyncio

from tandem.errors import ValidationError
from tandem.service.catalog import Catalog
from tandem.service.placement import Account
from tandem.service.table_search import TableFilter, TableSearch, found_tables
from tandem.wire.glue_values import check_catalog, described_table
from tandem.wire.paging import PageTokens
from tandem.wire.shapes import glue_search as shapes
from tandem.wire.shapes.glue_databases import ResourceShareType
from tandem.wire.shapes.glue_tables import PAGE_MAX

_OF_OTHERS = (ResourceShareType.FOREIGN, ResourceShareType.FEDERATED)


class SearchOperations:
    """It reads the whole catalog: it runs in a thread."""

    def __init__(self, catalog: Catalog, account: Account, tokens: PageTokens) -> None:
        self._catalog = catalog
        self._account = account
        self._tokens = tokens

    async def search(self, request: shapes.SearchTablesRequest) -> shapes.SearchTablesResponse:
        return await asyncio.to_thread(self._search, request)

    def _search(self, request: shapes.SearchTablesRequest) -> shapes.SearchTablesResponse:
        check_catalog(request.catalog_id, self._account)
        question = (
            "SearchTables",
            request.filters,
            request.search_text,
            request.sort_criteria,
            request.resource_share_type,
        )
        after = None
        if request.next_token:
            after = tuple(self._tokens.open(question, request.next_token))
        search = _search_of(request)
        found = found_tables(self._catalog, search)
        if request.resource_share_type in _OF_OTHERS:
            found = []  # nothing is shared with this account
        if after is not None:
            down = search.is_descending
            found = [one for one in found if (one[0] < after if down else one[0] > after)]
        page = found[: request.max_results or PAGE_MAX]
        more = len(found) > len(page)
        return shapes.SearchTablesResponse(
            table_list=[described_table(table, self._account) for _, table in page],
            next_token=self._tokens.seal(question, page[-1][0]) if more else None,
        )


def _search_of(request: shapes.SearchTablesRequest) -> TableSearch:
    order = (request.sort_criteria or [shapes.SortCriterion()])[0]
    return TableSearch(
        filters=[_filter_of(one) for one in request.filters or ()],
        text=request.search_text,
        sort_by=order.field_name,
        is_descending=order.sort is shapes.Sort.DESC,
    )


def _filter_of(given: shapes.PropertyPredicate) -> TableFilter:
    if given.key is None or given.value is None:
        missing = "Key" if given.key is None else "Value"
        raise ValidationError(f"a filter of Filters has no {missing}: it needs a Key and a Value")
    return TableFilter(given.key, given.value, given.comparator or shapes.Comparator.EQUALS)

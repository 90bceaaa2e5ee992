"""Whole queries on a history: names, tables, joins, what the articles and the SDK write."""
# ruff: noqa: E501, ISC004  (a case is one line where it can be)

from datetime import UTC, datetime

import pytest

from tandem.errors import QueryFailed
from tandem.query.athena import folded, parse, translate
from tandem.query.athena.statements import AthenaTable, Column, CreateView, Select
from tandem.query.base import TableName

ALL = "customer bought_at amount items leadsource doc write_time api_invocation_time is_deleted"
T = AthenaTable(None, None, "t")


def rows(table):
    """Values by position: names may repeat."""
    return [
        list(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)
    ]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("SELECT * FROM t", ALL.split()),
        ("SELECT * FROM (SELECT LeadSource, ITEMS FROM t)", ["LeadSource", "ITEMS"]),
        ("SELECT t.LEADSOURCE, items AS \"a\"\"B.1\" FROM t", ["LEADSOURCE", 'a"B.1']),
        ("SELECT count(*), items + 1, items, 'x' FROM t GROUP BY items", ["_col0", "_col1", "items", "_col3"]),
        ("SELECT a.items, b.* FROM t a JOIN (SELECT items, doc FROM t) b ON true", ["items", "items", "doc"]),
        ("SELECT * FROM (SELECT doc, items FROM t) a JOIN (SELECT items, amount FROM t) b USING (items)",
         ["items", "doc", "amount"]),
        ("WITH q AS (SELECT items AS N FROM t) SELECT q.*, * FROM q", ["N", "N"]),
        ("WITH q (X, y) AS (SELECT items, doc FROM t) SELECT * FROM q", ["X", "y"]),
        ("SELECT * FROM (VALUES (1, 2)) AS v (One, Two)", ["One", "Two"]),
        ("VALUES (1, 2)", ["_col0", "_col1"]),
        ("SELECT items AS A FROM t UNION ALL SELECT 1 AS b", ["A"]),
        ("SELECT * FROM UNNEST(ARRAY[1]) WITH ORDINALITY AS u (e, n)", ["e", "n"]),
        ("SELECT * FROM UNNEST(ARRAY[1])", ["_col0"]),
        ("(SELECT 1 AS A) ORDER BY a LIMIT 1", ["A"]),
    ],
    ids=lambda value: value[:50] if isinstance(value, str) else "",
)  # fmt: skip
def test_names_of_results(run, query, names):
    assert run(query).column_names == names


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT items FROM t ORDER BY items", [[3], [7], [None], [None]]),
        ("SELECT items FROM t ORDER BY items DESC", [[7], [3], [None], [None]]),
        ("SELECT items FROM t ORDER BY items DESC NULLS FIRST LIMIT 1", [[None]]),
        ("SELECT items FROM t ORDER BY items OFFSET 1 ROWS LIMIT 2", [[7], [None]]),
        ("SELECT items FROM t ORDER BY items OFFSET 1 FETCH FIRST ROW ONLY", [[7]]),
        ("SELECT count(*), count(items), count(DISTINCT customer) FROM t", [[4, 2, 2]]),
        ("SELECT sum(items) / count(items), sum(items) * 1.0 / 4 FROM t", [[5, 2.5]]),
        ("SELECT customer FROM t WHERE is_deleted", [["c-2"]]),
        ("SELECT count(*) FROM t WHERE is_deleted = False AND NOT is_deleted", [[3]]),
        ("SELECT max_by(doc, bought_at), min_by(items, amount), arbitrary(customer) IS NULL FROM t",
         [[None, 3, False]]),
        ("SELECT array_agg(items ORDER BY items DESC), array_agg(DISTINCT customer ORDER BY customer) FROM t",
         [[[7, 3, None, None], ["c-1", "c-2"]]]),
        ("SELECT listagg(customer, ',') WITHIN GROUP (ORDER BY customer) FROM t", [["c-1,c-1,c-2,c-2"]]),
        ("SELECT approx_distinct(customer), approx_percentile(items, 0.5), count_if(items > 3) FROM t",
         [[2, 5, 1]]),
        ("SELECT map_agg(customer, customer), histogram(customer) FROM t",
         [[[("c-1", "c-1"), ("c-2", "c-2")], [("c-1", 2), ("c-2", 2)]]]),
        ("SELECT sum(items) FILTER (WHERE customer = 'c-1') FROM t", [[7]]),
        ("SELECT customer, sum(items) AS s FROM t GROUP BY 1 HAVING sum(items) > 3 ORDER BY s DESC",
         [["c-1", 7]]),
        ("SELECT customer, sum(items) FROM t GROUP BY ROLLUP (customer) ORDER BY 1",
         [["c-1", 7], ["c-2", 3], [None, 10]]),
        ("SELECT lag(items) IGNORE NULLS OVER w FROM t WINDOW w AS (ORDER BY bought_at) ORDER BY 1 LIMIT 2",
         [[3], [7]]),
        ("SELECT e, n FROM t CROSS JOIN UNNEST(split(LeadSource, ' ')) WITH ORDINALITY AS u (e, n)"
         " WHERE customer = 'c-1' ORDER BY n, e", [["say", 1], ["web", 1], ['"hi"', 2]]),
        ("SELECT k, v FROM UNNEST(map(ARRAY['a'], ARRAY[1]), ARRAY[5, 6]) AS u (k, v, w)",
         [["a", 1], [None, None]]),
        ("SELECT y, x FROM UNNEST(ARRAY[CAST(ROW(1, 'a') AS ROW(p bigint, q varchar))]) AS u (x, y)",
         [["a", 1]]),
        ("SELECT items FROM t LEFT JOIN UNNEST(CAST(NULL AS array(bigint))) AS u (e) ON TRUE"
         " WHERE e IS NULL AND items > 3", [[7]]),
        ("SELECT json_extract_scalar(doc, '$.a.b[1]') FROM t WHERE doc IS NOT NULL", [["x"]]),
        ("WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 4) SELECT sum(n) FROM r",
         [[10]]),
        ("SELECT (SELECT count(*) FROM t u WHERE u.customer = t.customer) FROM t LIMIT 1", [[2]]),
        ("SELECT items FROM t WHERE items = ANY (SELECT 7) AND items > ALL (SELECT 3)"
         " AND EXISTS (SELECT 1) AND (customer, items) IN (SELECT 'c-1', 7)", [[7]]),
        ("SELECT 1 EXCEPT SELECT 1 INTERSECT SELECT 1", []),
        ("SELECT count(*) FROM t, (SELECT 1 AS one), (SELECT 2)", [[4]]),
        ("SELECT count(*) FROM \"db\".\"t-x\" WHERE DB.\"T-X\".items > 0", [[2]]),
        ("SELECT count(*) FROM \"AwsDataCatalog\".\"db\".\"t\" WHERE AwsDataCatalog.db.t.items > 0", [[2]]),
        ("SELECT count(*) FROM t FOR VERSION AS OF 1 JOIN t AS u ON t.customer = u.customer", [[8]]),
        ("SELECT count(*) FROM t TABLESAMPLE BERNOULLI (100)", [[4]]),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)  # fmt: skip
def test_a_query(run, query, expected):
    assert rows(run(query)) == expected


def test_event_times_compare_with_timestamps(run):
    """A snapshot at the end of a day, as articles write it; one event time is a number as text."""
    query = (
        "SELECT * FROM (SELECT customer, row_number() OVER (PARTITION BY customer ORDER BY items) AS rn"
        " FROM t WHERE bought_at <= TIMESTAMP '{} 23:59:59' AND NOT is_deleted) WHERE rn = 1 ORDER BY 1"
    )
    assert rows(run(query.format("2024-04-30"))) == []
    assert rows(run(query.format("2024-05-01"))) == [["c-1", 1], ["c-2", 1]]
    assert rows(
        run("SELECT max(from_iso8601_timestamp(bought_at)) FROM t WHERE items IS NULL")
    ) == [[datetime(2024, 5, 3, tzinfo=UTC)]]


def test_the_window_of_a_day_before_a_label(run):
    query = """
        SELECT labels.customer, features.items
        FROM (VALUES ('c-1', TIMESTAMP '2024-05-02 11:00:00'), ('c-2', TIMESTAMP '2024-05-09 00:00:00'))
             AS labels (customer, at)
        LEFT JOIN "sagemaker_featurestore"."purchases" AS features
            ON labels.customer = features.customer
            AND features.bought_at <= labels.at
            AND features.bought_at >= labels.at - INTERVAL '24' HOUR
        ORDER BY labels.at"""
    assert rows(run(query)) == [["c-1", 7], ["c-2", None]]


def test_a_derived_table_sees_the_row_beside_it(run):
    """Articles write this; Trino would want LATERAL."""
    query = """
        SELECT l.customer, f.items FROM (SELECT 'c-1' AS customer, '2024-05-01T18:00:00Z' AS at) l
        LEFT JOIN (
            SELECT *, ROW_NUMBER() OVER (PARTITION BY customer ORDER BY bought_at DESC) AS rn
            FROM t WHERE bought_at <= l.at
        ) f ON l.customer = f.customer AND f.rn = 1"""
    assert rows(run(query)) == [["c-1", 7]]


def test_the_newest_row_before_each_label_by_subquery(run):
    query = """
        SELECT l.customer AS label, f.items FROM t l LEFT JOIN t f
        ON l.customer = f.customer AND f.bought_at = (
            SELECT MAX(bought_at) FROM t WHERE customer = l.customer AND bought_at <= l.bought_at)
        WHERE l.items IS NOT NULL ORDER BY 1"""
    assert rows(run(query)) == [["c-1", 7], ["c-2", 3]]


def test_parameters(run):
    query = "SELECT items FROM t WHERE customer = ? AND items >= ?"
    assert rows(run(query, ("'c-1'", "CAST(7 AS bigint)"))) == [[7]]
    assert rows(run(query, ("'c-1'' OR 1=1 --'", "0"))) == []
    for value in ("customer", "(SELECT max(customer) FROM t)", "'c-1' OR items > 0"):
        with pytest.raises(QueryFailed, match="EXPRESSION_NOT_CONSTANT"):
            run(query, (value, "0"))


def test_parameters_are_in_the_order_of_the_text(run):
    query = """
        WITH w AS (SELECT ? + 0 AS a)
        SELECT a * 10 + ? AS b, ? AS c, (SELECT max(x + ?) FROM (VALUES 0) AS s (x)) AS d
        FROM w WHERE NOT a + 1 > ? AND ? = 6 OFFSET ? LIMIT ?"""
    values = ("1", "2", "3", "4", "5", "6", "0", "9")
    assert rows(run(query, values)) == [[12, 3, 4]]


def test_views_stand_for_their_queries(run):
    outer, inner = (
        parse("CREATE VIEW a AS SELECT items AS N FROM b WHERE items > 3"),
        parse("CREATE VIEW b AS SELECT * FROM t"),
    )
    assert isinstance(outer, CreateView)
    assert isinstance(inner, CreateView)
    views = {outer.view: outer.query, inner.view: inner.query}
    found = run("SELECT *, a.n FROM a", views=views)
    assert (found.column_names, rows(found)) == (["N", "n"], [[7, 7]])
    looped = parse("CREATE VIEW b AS SELECT * FROM a")
    assert isinstance(looped, CreateView)
    with pytest.raises(QueryFailed, match="RECURSIVE"):
        run("SELECT * FROM a", views=views | {looped.view: looped.query})


@pytest.mark.parametrize(
    "query",
    [
        "WITH RECURSIVE r (n) AS (SELECT n FROM r UNION ALL SELECT n + 1 FROM r) SELECT n FROM r",
        "WITH RECURSIVE r AS (SELECT * FROM r) SELECT * FROM r",
    ],
)
def test_a_recursion_without_a_beginning(run, query):
    with pytest.raises(QueryFailed, match="INVALID_RECURSIVE_REFERENCE: line 1:"):
        run(query)


def test_the_engine_sees_a_name_for_every_table_that_differs():
    select = parse(
        'SELECT 1 FROM t, T a, db.t, x.db.t, y.db.T, t FOR VERSION AS OF 1 b, "t$files" c'
    )
    assert isinstance(select, Select)
    columns = {table: [Column("a", "bigint")] for table in select.tables}
    reads = translate(select, columns).reads
    assert {name: str(table) for name, table in reads.items()} == {
        TableName(None, "t"): "t",
        TableName("db", "t"): "db.t",
        TableName("db", "t 2"): "x.db.t",
        TableName("db", "T 3"): "y.db.T",
        TableName(None, "t 2"): "t",
        TableName(None, "t$files"): "t$files",
    }
    assert folded(AthenaTable("A", "Db", "T")) == AthenaTable("a", "db", "t")


def test_a_table_that_nobody_knows_is_named():
    select = parse("SELECT * FROM db.t")
    assert isinstance(select, Select)
    with pytest.raises(QueryFailed, match=r"TABLE_NOT_FOUND: line 1:15: Table 'db\.t'"):
        translate(select, {T: []})


def test_a_query_stays_small_however_deep_values_are_nested():
    """A value that is needed several times is not copied, or each level would double the text."""
    deep = "'1'"
    for _ in range(20):
        deep = f"CAST(from_unixtime({deep}) AS varchar)"
    select = parse(f"SELECT {deep}, json_extract_scalar({'json_format(json_extract(' * 15}'1'"
                   + ", '$'))" * 15 + ", '$')")  # fmt: skip
    assert isinstance(select, Select)
    assert len(translate(select, {}).sql) < 20_000


def test_a_query_cannot_grow_without_bound():
    """Functions that are said with an argument twice double at every level."""
    deep = "'a'"
    for _ in range(25):
        deep = f"url_extract_parameter('x', {deep})"
    select = parse(f"SELECT {deep}")
    assert isinstance(select, Select)
    with pytest.raises(QueryFailed, match="url_extract_parameter that is nested so deep"):
        translate(select, {})


def test_long_conditions_are_no_deep_ones(run):
    condition = " OR ".join(f"items = {number}" for number in range(2_000))
    assert rows(run(f"SELECT count(*) FROM t WHERE {condition}")) == [[2]]

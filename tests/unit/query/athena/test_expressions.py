"""Expressions and functions: Trino's meaning where DuckDB's differs, and all that are listed."""
# ruff: noqa: E501  (a case is one line where it can be)

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from tandem.errors import QueryFailed
from tandem.query.athena import in_athenas_words

Value = Callable[[str], object]


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


ARITHMETIC = [
    ("1/2", 0),
    ("-7/2", -3),
    ("-7 % 3", -1),
    ("7/2.0", Decimal("3.5")),
    ("1.0/3", Decimal("0.3")),
    ("7/2e0", 3.5),
    ("1e0/0", math.inf),
    ("10/4*1.0", Decimal("2.0")),
    ("1.5*2.25", Decimal("3.375")),
    ("try(1/0)", None),
    ("1/NULL", None),
    ("2 - 3 - (4 - 5)", 0),
    ("DECIMAL '1.50'", Decimal("1.50")),
    ("mod(7, 3)", 1),
    ("round(-2.5e0)", -3.0),
    ("round(1.25e0, 1)", 1.3),
    ("truncate(-2.7e0)", -2.0),
    ("floor(7)", 7),
    ("ceil(1.2e0)", 2.0),
    ("power(2, 3)", 8.0),
    ("log(2, 8)", 3.0),
    ("greatest(1, NULL)", None),
    ("greatest(1, 3, 2)", 3),
    ("least('b', 'a')", "a"),
    ("to_base(255, 16)", "ff"),
    ("from_base('ff', 16)", 255),
    ("is_nan(nan())", True),
    ("is_finite(infinity())", False),
    ("bitwise_and(6, 3)", 2),
    ("bitwise_xor(6, 3)", 5),
    ("coalesce(NULL, 2)", 2),
    ("nullif(2, 2)", None),
    ("if(1 > 2, 'a')", None),
    ("CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END", "b"),
    ("2 BETWEEN 1 AND 3 AND NOT 4 IN (1, 2)", True),
    ("(1 = 1) = (2 = 2)", True),
    ("NULL IS DISTINCT FROM 1", True),
]
CASTS = [
    ("CAST(2.5e0 AS bigint)", 3),
    ("CAST(-2.5e0 AS integer)", -3),
    ("CAST(1e7 AS varchar)", "1.0E7"),
    ("CAST(123456789.125e0 AS varchar)", "1.23456789125E8"),
    ("CAST(1.234e-4 AS varchar)", "1.234E-4"),
    ("CAST(-1.5e300 AS varchar)", "-1.5E300"),
    ("CAST(0.001e0 AS varchar)", "0.001"),
    ("CAST(100e0 AS varchar)", "100.0"),
    ("CAST(0e0 AS varchar)", "0.0"),
    ("CAST(nan() AS varchar)", "NaN"),
    ("CAST(-infinity() AS varchar)", "-Infinity"),
    ("CAST(TIMESTAMP '2024-01-01 00:00:00.5' AS varchar)", "2024-01-01 00:00:00.500"),
    ("CAST(from_unixtime(0) AS varchar)", "1970-01-01 00:00:00.000 UTC"),
    ("CAST('abc' AS varchar(2))", "ab"),
    ("CAST(TRUE AS varchar)", "true"),
    ("TRY_CAST('x' AS bigint)", None),
    ("CAST(' 1.5 ' AS double)", 1.5),
    ("CAST('2024-01-01T02:00:00+02:00' AS timestamp)", datetime(2024, 1, 1)),
    ("CAST(ARRAY[1, 2] AS array(varchar))", ["1", "2"]),
    ("CAST(ROW(1, 'a') AS ROW(x bigint, y varchar))", {"x": 1, "y": "a"}),
    ("CAST(ROW(1, 'a') AS ROW(x bigint, y varchar)).y", "a"),
    ("JSON '[1, 2]'", "[1, 2]"),
]
TIMES = [
    ("TIMESTAMP '2024-01-01'", datetime(2024, 1, 1)),
    ("TIMESTAMP '2024-01-01 00:00:00 America/New_York'", at(2024, 1, 1, 5)),
    ("from_unixtime(1.5)", at(1970, 1, 1, 0, 0, 1, 500_000)),
    ("from_unixtime('2024-01-01T00:00:00Z')", at(2024, 1, 1)),
    ("from_unixtime('1704067200.5')", at(2024, 1, 1, 0, 0, 0, 500_000)),
    ("from_iso8601_timestamp('2024-05-01T12:00:00.123456789Z')", at(2024, 5, 1, 12, 0, 0, 123_456)),
    ("from_iso8601_timestamp('2024-05-01')", at(2024, 5, 1)),
    ("from_iso8601_date('2024-05-01')", date(2024, 5, 1)),
    ("to_timestamp('2023-01-02 03:04:05', 'yyyy-mm-dd hh24:mi:ss')", datetime(2023, 1, 2, 3, 4, 5)),
    (
        "to_timestamp('2023-01-02 03:04:05+02:00', 'yyyy-mm-dd hh24:mi:ss')",
        datetime(2023, 1, 2, 1, 4, 5),
    ),
    (
        "to_timestamp('2023-01-02 03:04:05.123456+00:00', 'yyyy-mm-dd hh24:mi:ss')",
        datetime(2023, 1, 2, 3, 4, 5, 123_456),
    ),
    ("to_date('2023-01-02', 'yyyy-mm-dd')", date(2023, 1, 2)),
    ("to_char(TIMESTAMP '2023-01-02 03:04:05', 'mm/dd')", "01/02"),
    ("date_parse('2024-01-02 03:04', '%Y-%m-%d %H:%i')", datetime(2024, 1, 2, 3, 4)),
    (
        "date_format(TIMESTAMP '2024-01-02 03:04:05', '%Y/%c/%e %h:%i:%s %W')",
        "2024/1/2 03:04:05 Tuesday",
    ),
    ("format_datetime(TIMESTAMP '2024-01-02 03:04:05', 'yyyy-MM-dd''T''HH')", "2024-01-02T03"),
    ("parse_datetime('2024-01-02', 'yyyy-MM-dd')", at(2024, 1, 2)),
    ("to_iso8601(TIMESTAMP '2024-01-02 03:04:05')", "2024-01-02T03:04:05.000"),
    ("to_unixtime(TIMESTAMP '1970-01-01 00:00:01.5')", 1.5),
    ("date_trunc('day', TIMESTAMP '2024-01-02 03:04:05')", datetime(2024, 1, 2)),
    ("date_trunc('month', DATE '2024-01-02')", date(2024, 1, 1)),
    ("date_add('month', 1, DATE '2024-01-31')", date(2024, 2, 29)),
    ("date_add('quarter', -1, TIMESTAMP '2024-01-31 00:00:00')", datetime(2023, 10, 31)),
    ("date_diff('hour', TIMESTAMP '2024-01-01 00:59:00', TIMESTAMP '2024-01-01 02:00:00')", 1),
    ("date_diff('day', DATE '2024-01-01', DATE '2024-03-01')", 60),
    ("DATE '2024-01-31' + INTERVAL '1' DAY", date(2024, 2, 1)),
    ("DATE '2024-01-31' - INTERVAL '1' HOUR", datetime(2024, 1, 30, 23)),
    (
        "TIMESTAMP '2024-01-01 00:00:00' - INTERVAL '1 02:30' DAY TO MINUTE",
        datetime(2023, 12, 30, 21, 30),
    ),
    ("TIMESTAMP '2024-01-01 00:00:00' - INTERVAL '-1-2' YEAR TO MONTH", datetime(2025, 3, 1)),
    ("year(DATE '2024-01-02')", 2024),
    ("day_of_week(DATE '2024-01-07')", 7),
    ("EXTRACT(DOW FROM DATE '2024-01-07')", 7),
    ("EXTRACT(DAY FROM TIMESTAMP '2024-01-07 00:00:00')", 7),
    ("year_of_week(DATE '2024-12-31')", 2025),
    ("millisecond(TIMESTAMP '2024-01-01 00:00:05.123')", 123),
    ("hour('2024-01-01T05:00:00Z')", 5),
    ("last_day_of_month(DATE '2024-02-01')", date(2024, 2, 29)),
    (
        "date_trunc('day', TIMESTAMP '2024-01-01 00:00:00' AT TIME ZONE 'America/New_York')",
        datetime(2023, 12, 31),
    ),
    (
        "TIMESTAMP '2024-01-01 00:00:00' AT TIME ZONE 'Asia/Tokyo' = TIMESTAMP '2024-01-01 00:00:00 UTC'",
        True,
    ),
    ("with_timezone(TIMESTAMP '2024-01-01 00:00:00', 'America/New_York')", at(2024, 1, 1, 5)),
    ("TIME '01:02:03'", time(1, 2, 3)),
    ("current_timestamp > TIMESTAMP '2024-01-01 00:00:00' AND now() = current_timestamp(3)", True),
    ("current_date > DATE '2024-01-01' AND localtimestamp > DATE '2024-01-01'", True),
    ("1704067200 = TIMESTAMP '2024-01-01 00:00:00'", True),
    ("1704067200.5e0 > TIMESTAMP '2024-01-01 00:00:00'", True),
    ("'2024-01-01T01:00:00+01:00' = TIMESTAMP '2024-01-01 00:00:00'", True),
    ("DATE '2024-01-01' IN ('2024-01-01', 5)", True),
    ("'1704067200' BETWEEN DATE '2024-01-01' AND DATE '2024-01-01'", True),
    ("1704153600 - INTERVAL '24' HOUR", at(2024, 1, 1)),
]
TEXTS = [
    ("'it''s' || U&'\\0041\\+00005A'", "it'sAZ"),
    ("'a\\' || '$$'", "a\\$$"),
    ("' /* x */ -- y '", " /* x */ -- y "),
    ("'a' || NULL", None),
    ("concat('a', NULL)", None),
    ("concat(ARRAY[1], ARRAY[2])", [1, 2]),
    ("concat_ws(',', 'a', NULL, 'b')", "a,b"),
    ("'b' > 'B'", True),
    ("substr('hello', -3, 2)", "ll"),
    ("substring('hello', 2)", "ello"),
    ("split('a,b', ',')", ["a", "b"]),
    ("split_part('a,b', ',', 3)", None),
    ("regexp_like('abc', 'b')", True),
    ("regexp_extract('abc', 'x')", None),
    ("regexp_extract('abc', '(b)(c)', 2)", "c"),
    ("regexp_replace('abc', '(b)', '[$1\\$]')", "a[b$]c"),
    ("regexp_split('a1b2', '\\d')", ["a", "b", ""]),
    (
        "format('%s is %05d, %.2f and %,d%% {}', 'x', 42, 1.5, 1234567)",
        "x is 00042, 1.50 and 1,234,567% {}",
    ),
    ("trim(BOTH 'x' FROM 'xax')", "a"),
    ("position('b' IN 'abc') + strpos('abc', 'c')", 5),
    ("'a_c' LIKE 'a!_c' ESCAPE '!'", True),
    ("to_hex(md5(to_utf8('a')))", "0CC175B9C0F1B6A831C399E269772661"),
    ("from_utf8(from_base64('YQ=='))", "a"),
    ("length('ü')", 1),
    ("reverse('abc')", "cba"),
    ("lpad('a', 3, '*')", "**a"),
    ("replace('abc', 'b')", "ac"),
    ("url_extract_host('https://u@ex.com:80/p?q=1#f')", "ex.com"),
    ("url_extract_port('http://e.com:81/')", 81),
    ("url_extract_path('https://ex.com/p/a?q=1')", "/p/a"),
    ("url_extract_parameter('http://e.com/?q=1&r=a%20b', 'r')", "a b"),
    ("url_extract_parameter('http://e.com/?q=1', 'r')", None),
    ('json_extract_scalar(\'{"a": {"b": [1, "x"]}}\', \'$.a.b[1]\')', "x"),
    ('json_extract_scalar(\'{"a": {"b": 1}}\', \'$["a"]\')', None),
    ("json_extract_scalar('no json', '$.a')", None),
    ("json_extract('{\"a\": [1]}', '$.a')", "[1]"),
    ("json_array_length('[1, 2]')", 2),
    ("json_format(json_parse('[1]'))", "[1]"),
]
COLLECTIONS = [
    ("ARRAY[1, 2][2]", 2),
    ("element_at(ARRAY[1, 2], 5)", None),
    ("element_at(ARRAY[1, 2], -1)", 2),
    ("element_at(map(ARRAY['k'], ARRAY[1]), 'k')", 1),
    ("element_at(map(ARRAY['k'], ARRAY[1]), 'z')", None),
    ("map(ARRAY['k'], ARRAY[1])['k']", 1),
    ("cardinality(ARRAY[1, NULL])", 2),
    ("cardinality(map(ARRAY['k'], ARRAY[1]))", 1),
    ("contains(ARRAY[1, 2], 2)", True),
    ("array_join(ARRAY[1, NULL, 2], '-')", "1-2"),
    ("array_join(ARRAY[1, NULL, 2], '-', 'N')", "1-N-2"),
    ("array_distinct(ARRAY[3, 1, 3, NULL, NULL])", [3, 1, None]),
    ("array_sort(ARRAY[2, NULL, 1])", [1, 2, None]),
    ("array_max(ARRAY[1, 3])", 3),
    ("array_position(ARRAY[1, 3], 4)", 0),
    ("array_remove(ARRAY[1, 3], 3)", [1]),
    ("sequence(3, 1)", [3, 2, 1]),
    ("sequence(DATE '2024-01-31', DATE '2024-02-01')", [date(2024, 1, 31), date(2024, 2, 1)]),
    ("slice(ARRAY[1, 2, 3], 2, 2)", [2, 3]),
    ("transform(ARRAY[1, 2], x -> x / 2)", [0, 1]),
    ("filter(ARRAY[1, 2], x -> x > 1)", [2]),
    ("reduce(ARRAY[1, 2], 0, (s, x) -> s + x, s -> s * 2)", 6),
    ("any_match(ARRAY[1, 2], x -> x > 1)", True),
    ("all_match(ARRAY[1, 2], x -> x > 1)", False),
    ("none_match(ARRAY[1, 2], x -> x > 5)", True),
    ("any_match(CAST(NULL AS array(bigint)), x -> x > 1)", None),
    ("flatten(ARRAY[ARRAY[1], ARRAY[2]])", [1, 2]),
    ("repeat('x', 2)", ["x", "x"]),
    ("cardinality(sequence(9999, 0))", 10_000),
    ("sequence(-9000000000000000000, 9000000000000000000, 9000000000000000000)[3]", 9 * 10**18),
    ("cardinality(repeat('x', 10000))", 10_000),
    ("map_keys(map(ARRAY['k'], ARRAY[1]))", ["k"]),
    ("arrays_overlap(ARRAY[1], ARRAY[1, 2])", True),
]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [*ARITHMETIC, *CASTS, *TIMES, *TEXTS, *COLLECTIONS],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)
def test_an_expression(value: Value, expression: str, expected: object) -> None:
    found = value(expression)
    assert found == expected
    assert isinstance(found, type(expected)) or isinstance(expected, datetime)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT 1/0", "DIVISION_BY_ZERO"),
        ("SELECT items % 0 FROM t", "DIVISION_BY_ZERO"),
        ("SELECT CAST('x' AS bigint)", "INVALID_CAST_ARGUMENT"),
        ("SELECT amount < (SELECT items FROM t) FROM t", "SUBQUERY_MULTIPLE_ROWS"),
        ("SELECT items FROM t a, t b", "AMBIGUOUS_NAME"),
        ("SELECT nope FROM t", "COLUMN_NOT_FOUND: line 1:8: Column 'nope' cannot be resolved"),
        ("SELECT t.nope FROM t", "COLUMN_NOT_FOUND"),
        ("SELECT rowid FROM t", "COLUMN_NOT_FOUND"),
        ("SELECT items AS n FROM t WHERE n > 1", "COLUMN_NOT_FOUND"),
        ("SELECT *", "without FROM"),
        ("SELECT x.* FROM t", "Table 'x' cannot be resolved"),
        ("SELECT a FROM (SELECT 1, 2) AS t (a)", "MISMATCHED_COLUMN_ALIASES"),
        ("SELECT 1 UNION SELECT 1, 2", "different number of fields"),
        ("SELECT lower()", r"Unexpected parameters \(\) for function lower"),
        ("SELECT length('a', 1)", r"Unexpected parameters \(varchar, int\)"),
        ("SELECT sequence(1, 3000000000)", "not have more than 10000 entries"),
        ("SELECT sequence(items, -items, -1) FROM (SELECT 5000 AS items)", "more than 10000"),
        (
            "SELECT sequence(DATE '1900-01-01', DATE '2024-01-01')",
            "INVALID_FUNCTION_ARGUMENT: result of sequence function",
        ),
        ("SELECT repeat('x', 2000000000)", "less than or equal to 10000"),
        ("SELECT frobnicate(1)", "line 1:8: Function 'frobnicate' not registered"),
        ("SELECT date_format(now(), '%U')", "'%U'"),
        ("SELECT date_format(now(), LeadSource) FROM t", "must be a literal"),
        ("SELECT date_trunc('eon', now())", "'eon' is not a valid Timestamp field"),
        ("SELECT INTERVAL 'x' DAY", "not a valid INTERVAL literal"),
        ("SELECT json_extract('{}', '$..a')", "JSON path"),
        ("SELECT * FROM t NATURAL JOIN t u", "NATURAL JOIN"),
        ("SELECT items FROM t FETCH FIRST 1 ROWS WITH TIES", "WITH TIES"),
        ("SELECT CAST(1 AS ipaddress)", "ipaddress"),
    ],
)
def test_a_failure_is_told_in_athenas_words(run, query, said):
    with pytest.raises(QueryFailed) as raised:
        run(query)
    found = str(in_athenas_words(raised.value))
    assert re.search(said, found), found

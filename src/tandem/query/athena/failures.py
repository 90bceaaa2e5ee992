"""Failures in Athena's words, as its clients know them: `KIND: line 1:8: what is wrong`."""

import re

from sqlglot import exp

from tandem.errors import QueryFailed


def syntax_error(message: str, line: int = 1, column: int = 1) -> QueryFailed:
    """A statement that does not parse."""
    return QueryFailed(f"line {line}:{column}: {message}")


def failure_at(node: exp.Expr, kind: str, message: str) -> QueryFailed:
    """A failure at the place of a node, or of what it holds, where that is known."""
    places = [
        (found.meta["start"], found.meta["end"], found.meta["line"], found.meta["col"])
        for found in node.walk()
        if "start" in found.meta
    ]
    if not places:
        return QueryFailed(f"{kind}: {message}")
    start, end, line, last = min(places)
    return QueryFailed(f"{kind}: line {line}:{max(last - (end - start), 1)}: {message}")


def not_supported(node: exp.Expr, what: str) -> QueryFailed:
    return failure_at(node, "NOT_SUPPORTED", f"{what} is not supported")


_REASONS = (
    (re.compile(r"the query needs more memory .*"), r"EXCEEDED_LOCAL_MEMORY_LIMIT: \g<0>"),
    (re.compile(r"Invalid Input Error: ([A-Z]+_[A-Z_]+: .*)"), r"\1"),  # of our own making
    (re.compile(r"Division by zero"), "DIVISION_BY_ZERO: Division by zero"),
    (re.compile(r"Conversion Error: (.*)"), r"INVALID_CAST_ARGUMENT: \1"),
    (re.compile(r"Could not parse string (.*)"), r"INVALID_FUNCTION_ARGUMENT: cannot parse \1"),
    (
        re.compile(r"More than one row returned by a subquery"),
        "SUBQUERY_MULTIPLE_ROWS: Scalar sub-query has returned multiple rows",
    ),
    (
        re.compile(r'Ambiguous reference to column name "(.*?)"'),
        r"AMBIGUOUS_NAME: Column '\1' is ambiguous",
    ),
)


def in_athenas_words(error: QueryFailed) -> QueryFailed:
    """An engine's failure as Athena would have put it, where there is a counterpart."""
    for pattern, words in _REASONS:
        found = pattern.search(str(error))
        if found is not None:
            return QueryFailed(found.expand(words))
    return error

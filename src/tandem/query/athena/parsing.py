"""`parse`: one statement of Athena's, whatever it is, as a value of `statements.py`.

What Athena knows and Tandem does not is refused by its name; what neither knows, at its place.
"""

from collections.abc import Callable, Sequence

from tandem.errors import QueryFailed
from tandem.query.athena import data_definition, inspection, manipulation, preparation
from tandem.query.athena.cursor import Cursor
from tandem.query.athena.lexing import Kind, Token, failure, tokens
from tandem.query.athena.manipulation import Queries
from tandem.query.athena.statements import (
    AthenaStatement,
    CreateTableAs,
    Delete,
    Insert,
    Prepare,
    RepairTable,
    Select,
    Unload,
)

STATEMENT_BYTES_MAX = 262_144
"""Athena's limit of a statement's length."""

_QUERIES = frozenset({"SELECT", "WITH", "VALUES", "TABLE"})
_HIVE = frozenset({"ALTER", "CREATE", "DESC", "DESCRIBE", "DROP", "MSCK", "SHOW"})
_REFUSED = frozenset(
    {
        "ANALYZE",
        "CALL",
        "COMMENT",
        "GRANT",
        "MERGE",
        "REFRESH",
        "RESET",
        "REVOKE",
        "SET",
        "TRUNCATE",
        "UPDATE",
        "USE",
    }
)
_QUERY_STARTS = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "("})
_PREPARABLE = (Select, Insert, CreateTableAs, Unload, Delete)


def parse(statement: str, parameters: Sequence[str] = ()) -> AthenaStatement:
    """The statement as a value.

    parameters   SQL values in the places of `?` in a query, as many as there are; those of
                 EXECUTE, where it has no USING
    Raises QueryFailed where it is not one statement, does not parse or is not supported.
    """
    if len(statement.encode()) > STATEMENT_BYTES_MAX:
        raise QueryFailed(f"the statement is longer than {STATEMENT_BYTES_MAX} bytes")
    text, first, hive = _one_statement(statement)
    cursor = Cursor(text, tokens(text, hive=hive))
    queries = Queries(text, parameters)
    word = first.value.upper() if first.kind is Kind.WORD else first.value
    if word in _QUERIES or word == "(":
        return queries.select(first.start)
    if first.kind is not Kind.WORD:
        raise cursor.unexpected()
    found = _STATEMENTS.get(word)
    if found is None:
        if word in _REFUSED:
            raise QueryFailed(f"NOT_SUPPORTED: {word} is not supported")
        raise cursor.unexpected()
    cursor.expect(word)
    made = found(cursor, queries, first.start)
    cursor.end()
    queries.check_parameters()
    return made


def check_preparable(statement: str) -> None:
    """Raises QueryFailed unless this is a statement that may be prepared, with `?` for values."""
    places = sum(
        token.kind is Kind.SYMBOL and token.value == "?" for token in tokens(statement, hive=False)
    )
    made = parse(statement, ["NULL"] * places)
    if not isinstance(made, _PREPARABLE):
        raise QueryFailed(
            "NOT_SUPPORTED: only SELECT, INSERT, CREATE TABLE AS, UNLOAD and DELETE can be prepared"
        )


def _one_statement(statement: str) -> tuple[str, Token, bool]:
    """The statement without semicolons behind it, its first token, and whether it is Hive's."""
    first = next(tokens(statement, hive=False), None)
    if first is None or first.value == ";":
        raise failure(statement, 0, "mismatched input '<EOF>'")
    hive = first.kind is Kind.WORD and first.value.upper() in _HIVE and not _is_trino(statement)
    end, is_over = len(statement), False
    for token in tokens(statement, hive=hive):
        if token.kind is Kind.SYMBOL and token.value == ";":
            end, is_over = (token.start, True) if not is_over else (end, True)
        elif is_over:
            shown = statement.strip()
            raise QueryFailed(f"Only one sql statement is allowed. Got: {shown}")
    return statement[:end], first, hive


def _is_trino(statement: str) -> bool:
    """Whether CREATE or DROP is of a view, or CREATE TABLE has a query."""
    try:
        words = list(tokens(statement, hive=False))
    except QueryFailed:
        return False
    values = [token.value.upper() for token in words]
    if values[:2] in (["CREATE", "VIEW"], ["DROP", "VIEW"]) or values[1:3] == ["OR", "REPLACE"]:
        return True
    if values[:2] != ["CREATE", "TABLE"]:
        return False
    depth = 0
    for token, following in zip(words, [*words[1:], None], strict=True):
        depth += {"(": 1, ")": -1}.get(token.value, 0) if token.kind is Kind.SYMBOL else 0
        if depth == 0 and token.is_word("AS") and following is not None:
            return following.value.upper() in _QUERY_STARTS
    return False


def _create(cursor: Cursor, queries: Queries, _: int) -> AthenaStatement:
    if cursor.accept_one("DATABASE", "SCHEMA"):
        return data_definition.create_database(cursor)
    if cursor.accept("EXTERNAL", "TABLE"):
        return data_definition.create_table(cursor, is_external=True)
    or_replace = cursor.accept("OR", "REPLACE")
    if cursor.accept("VIEW"):
        return manipulation.create_view(cursor, queries, or_replace=or_replace)
    if or_replace:
        raise cursor.unexpected("'VIEW'")
    for word in ("PROTECTED", "MATERIALIZED", "FUNCTION", "ROLE"):
        if cursor.accept(word):
            raise QueryFailed(f"NOT_SUPPORTED: CREATE {word} is not supported")
    cursor.expect("TABLE")
    if _is_trino(cursor.text):
        return manipulation.create_table_as(cursor, queries)
    return data_definition.create_table(cursor, is_external=False)


def _drop(cursor: Cursor, _queries: Queries, _: int) -> AthenaStatement:
    if cursor.accept("VIEW"):
        return manipulation.drop_view(cursor)
    return data_definition.drop(cursor)


def _repair(cursor: Cursor, _queries: Queries, _: int) -> AthenaStatement:
    cursor.expect("REPAIR", "TABLE")
    return RepairTable(cursor.table())


def _prepare(cursor: Cursor, _queries: Queries, _: int) -> Prepare:
    made = preparation.prepare(cursor)
    before = cursor.text[: len(cursor.text) - len(made.text)]
    check_preparable("".join(char if char == "\n" else " " for char in before) + made.text)
    return made


_STATEMENTS: dict[str, Callable[[Cursor, Queries, int], AthenaStatement]] = {
    "ALTER": lambda cursor, _queries, _: data_definition.alter(cursor),
    "CREATE": _create,
    "DEALLOCATE": lambda cursor, _queries, _: preparation.deallocate(cursor),
    "DELETE": manipulation.delete,
    "DESC": lambda cursor, _queries, _: inspection.describe(cursor),
    "DESCRIBE": lambda cursor, _queries, _: inspection.describe(cursor),
    "DROP": _drop,
    "EXECUTE": lambda cursor, queries, _: preparation.execute(cursor, queries),
    "EXPLAIN": lambda cursor, queries, _: manipulation.explain(cursor, queries),
    "INSERT": lambda cursor, queries, _: manipulation.insert(cursor, queries),
    "MSCK": _repair,
    "OPTIMIZE": lambda cursor, queries, _: manipulation.optimize(cursor, queries),
    "PREPARE": _prepare,
    "SHOW": lambda cursor, _queries, _: inspection.show(cursor),
    "UNLOAD": lambda cursor, queries, _: manipulation.unload(cursor, queries),
    "VACUUM": lambda cursor, _queries, _: manipulation.vacuum(cursor),
}

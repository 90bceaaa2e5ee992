"""PREPARE, EXECUTE and DEALLOCATE PREPARE: statements that are kept under a name, and run by it."""

from tandem.errors import QueryFailed
from tandem.query.athena.cursor import Cursor
from tandem.query.athena.lexing import Kind
from tandem.query.athena.manipulation import Queries
from tandem.query.athena.statements import Deallocate, Execute, Prepare


def prepare(cursor: Cursor) -> Prepare:
    """Behind PREPARE. The statement is the rest of the text, and is not looked into here."""
    name = cursor.name()
    cursor.expect("FROM")
    if cursor.peek() is None:
        raise cursor.unexpected("a statement")
    start = cursor.place
    cursor.skip_all()
    return Prepare(name, cursor.text[start:])


def execute(cursor: Cursor, queries: Queries) -> Execute:
    """Behind EXECUTE."""
    name = cursor.name()
    given = queries.take_parameters()
    if not cursor.accept("USING"):
        return Execute(name, given)
    if given:
        raise QueryFailed(
            "INVALID_PARAMETER_USAGE: parameters stand in USING and beside the statement: give them"
            " in one place"
        )
    values = [_value(cursor)]
    while cursor.accept(","):
        values.append(_value(cursor))
    return Execute(name, tuple(values))


def deallocate(cursor: Cursor) -> Deallocate:
    """Behind DEALLOCATE."""
    cursor.expect("PREPARE")
    return Deallocate(cursor.name())


def _value(cursor: Cursor) -> str:
    """The text of one value: up to a comma that stands in no parentheses, or to the end."""
    start = end = cursor.place
    depth = 0
    while (token := cursor.peek()) is not None:
        if token.kind is Kind.SYMBOL:
            if token.value == "," and depth == 0:
                break
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.value, 0)
        end = token.end
        cursor.skip()
    if start == end:
        raise cursor.unexpected("a value")
    return cursor.text[start:end]

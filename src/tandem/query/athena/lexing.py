"""The words of a statement, each with its place, for what is not a query.

Athena hands most statements about tables to Hive, whose texts know backslashes and may stand in
double quotes, and whose names stand in backticks; and queries to Trino, where a name stands in
double quotes and a backslash is one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from tandem.errors import QueryFailed
from tandem.query.athena.failures import syntax_error


class Kind(Enum):
    WORD = auto()
    NUMBER = auto()
    TEXT = auto()
    DOUBLE_QUOTED = auto()
    BACKTICKED = auto()
    SYMBOL = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """`value` is what the token means: without quotes and escapes. It is text[start:end]."""

    kind: Kind
    value: str
    start: int
    end: int

    def is_word(self, word: str) -> bool:
        return self.kind is Kind.WORD and self.value.upper() == word


_SKIPPED = re.compile(r"(?:\s+|--[^\n]*|/\*.*?\*/)+", re.DOTALL)
_WORD = re.compile(r"[^\W\d]\w*")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|\.\d+")
_TRINO_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`""")
_HIVE_QUOTED = re.compile(
    r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`]|``)*`""", re.DOTALL
)
_QUOTED_KINDS = {"'": Kind.TEXT, '"': Kind.DOUBLE_QUOTED, "`": Kind.BACKTICKED}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "0": "\0", "Z": "\x1a"}


def tokens(text: str, *, hive: bool) -> Iterator[Token]:
    """The tokens of a statement, comments left out. Raises QueryFailed at a quote left open."""
    place = 0
    while place < len(text):
        skipped = _SKIPPED.match(text, place)
        if skipped is not None:
            place = skipped.end()
            continue
        token = _token(text, place, hive=hive)
        yield token
        place = token.end


def _token(text: str, place: int, *, hive: bool) -> Token:
    if text[place] in _QUOTED_KINDS:
        found = (_HIVE_QUOTED if hive else _TRINO_QUOTED).match(text, place)
        if found is None:
            raise failure(text, place, f"a quote ({text[place]}) is not closed")
        kind = _QUOTED_KINDS[text[place]]
        return Token(kind, _unquoted(found.group(), hive=hive), place, found.end())
    for kind, pattern in ((Kind.WORD, _WORD), (Kind.NUMBER, _NUMBER)):
        found = pattern.match(text, place)
        if found is not None:
            return Token(kind, found.group(), place, found.end())
    if text.startswith("/*", place):
        raise failure(text, place, "a comment is not closed")
    return Token(Kind.SYMBOL, text[place], place, place + 1)


def _unquoted(quoted: str, *, hive: bool) -> str:
    quote, inner = quoted[0], quoted[1:-1]
    inner = inner.replace(quote * 2, quote)
    if hive and quote != "`":
        inner = re.sub(
            r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), inner, flags=re.DOTALL
        )
    return inner


def failure(text: str, place: int, message: str) -> QueryFailed:
    """A failure at a place of the statement, with line and column from 1."""
    line = text.count("\n", 0, place) + 1
    column = place - (text.rfind("\n", 0, place) + 1) + 1
    return syntax_error(message, line, column)

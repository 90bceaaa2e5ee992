"""Reading a statement word by word."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from tandem.errors import QueryFailed
from tandem.query.athena.lexing import Kind, Token, failure
from tandem.query.athena.statements import AthenaTable, Column

_Item = TypeVar("_Item")
_NAMES = frozenset({Kind.WORD, Kind.DOUBLE_QUOTED, Kind.BACKTICKED})
_TEXTS = frozenset({Kind.TEXT, Kind.DOUBLE_QUOTED})


class Cursor:
    """A place among the tokens of `text`. What is read moves on; what is not there raises."""

    def __init__(self, text: str, tokens: Iterable[Token]) -> None:
        self.text = text
        self._tokens = list(tokens)
        self._next = 0

    @property
    def place(self) -> int:
        """Where the next token begins in the text."""
        return self._tokens[self._next].start if self._next < len(self._tokens) else len(self.text)

    def peek(self) -> Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def accept(self, *words: str) -> bool:
        """Reads these words, or symbols, if they come next; all of them or none."""
        following = self._tokens[self._next : self._next + len(words)]
        if len(following) < len(words):
            return False
        for token, word in zip(following, words, strict=True):
            is_it = token.is_word(word) if word[0].isalpha() else _is_symbol(token, word)
            if not is_it:
                return False
        self._next += len(words)
        return True

    def accept_one(self, *words: str) -> str | None:
        """Reads one of these words if it comes next."""
        return next((word for word in words if self.accept(word)), None)

    def expect(self, *words: str) -> None:
        for word in words:
            if not self.accept(word):
                raise self.unexpected(f"'{word}'")

    def unexpected(self, expected: str | None = None) -> QueryFailed:
        token = self.peek()
        shown = self.text[token.start : token.end] if token is not None else "<EOF>"
        expecting = f". Expecting: {expected}" if expected else ""
        return failure(self.text, self.place, f"mismatched input '{shown}'{expecting}")

    def has_ahead(self, symbol: str, *words: str) -> bool:
        """Whether a symbol comes next, and behind it one of `words`, where any are given."""
        following = self._tokens[self._next : self._next + 2]
        if not following or not _is_symbol(following[0], symbol):
            return False
        return not words or (len(following) == 2 and following[1].value.upper() in words)

    def skip(self) -> None:
        self._next += 1

    def skip_all(self) -> None:
        """To the end: another parser reads the rest."""
        self._next = len(self._tokens)

    def end(self) -> None:
        """Raises QueryFailed unless all is read."""
        if self.peek() is not None:
            raise self.unexpected("<EOF>")

    def name(self) -> str:
        token = self.peek()
        if token is None or token.kind not in _NAMES:
            raise self.unexpected("a name")
        self._next += 1
        return token.value

    def string(self) -> str:
        token = self.peek()
        if token is None or token.kind not in _TEXTS:
            raise self.unexpected("a text in quotes")
        self._next += 1
        return token.value

    def number(self) -> int:
        token = self.peek()
        if token is None or token.kind is not Kind.NUMBER or not token.value.isdigit():
            raise self.unexpected("a number")
        self._next += 1
        return int(token.value)

    def value(self) -> str:
        """A text, a number or a word, as text."""
        token = self.peek()
        if token is None or token.kind is Kind.SYMBOL:
            raise self.unexpected("a value")
        self._next += 1
        return token.value

    def table(self) -> AthenaTable:
        parts = [self.name()]
        while len(parts) < 3 and self.accept("."):
            parts.append(self.name())
        catalog, database = (None, None, *parts[:-1])[-2:]
        return AthenaTable(catalog, database, parts[-1])

    def listed(self, item: Callable[[], _Item]) -> list[_Item]:
        """`(item, item ...)`."""
        self.expect("(")
        found = [item()]
        while self.accept(","):
            found.append(item())
        self.expect(")")
        return found

    def properties(self) -> dict[str, str]:
        """`('key' = 'value', ...)`."""

        def pair() -> tuple[str, str]:
            key = self.string()
            self.expect("=")
            return key, self.string()

        return dict(self.listed(pair))

    def partition(self) -> dict[str, str]:
        """`PARTITION (column = value, ...)`."""

        def pair() -> tuple[str, str]:
            column = self.name()
            self.expect("=")
            return column, self.value()

        self.expect("PARTITION")
        return dict(self.listed(pair))

    def column(self) -> Column:
        """`name type [COMMENT 'text']`."""
        return Column(self.name(), self.type(), self.string() if self.accept("COMMENT") else None)

    def type(self) -> str:
        """A type of Hive's, as Glue writes it: lower case, without spaces."""
        start = self.place
        name = self.name().lower()
        parts = [name]
        if self.accept("<"):
            parts.append("<" + self._inner_types(is_struct=name == "struct") + ">")
        elif self.accept("("):
            sizes = [str(self.number())]
            while self.accept(","):
                sizes.append(str(self.number()))
            self.expect(")")
            parts.append(f"({','.join(sizes)})")
        if name not in _TYPES:
            raise failure(self.text, start, f"Unknown type: {name}")
        return "".join(parts)

    def _inner_types(self, *, is_struct: bool) -> str:
        found = []
        while True:
            field = ""
            if is_struct:
                field = self.name().lower()
                self.expect(":")
                field += ":"
            found.append(field + self.type())
            if not self.accept(","):
                break
        self.expect(">")
        return ",".join(found)

    def parentheses(self) -> tuple[int, int]:
        """Skips `( ... )`; answers where the inside begins and ends."""
        self.expect("(")
        start, depth = self.place, 1
        while depth:
            token = self.peek()
            if token is None:
                raise self.unexpected("')'")
            depth += {"(": 1, ")": -1}.get(token.value, 0) if token.kind is Kind.SYMBOL else 0
            self._next += 1
        return start, self._tokens[self._next - 1].start


_TYPES = frozenset(
    {
        "array",
        "bigint",
        "binary",
        "boolean",
        "char",
        "date",
        "decimal",
        "double",
        "float",
        "int",
        "integer",
        "long",
        "map",
        "real",
        "smallint",
        "string",
        "struct",
        "timestamp",
        "tinyint",
        "uniontype",
        "varchar",
    }
)


def _is_symbol(token: Token, symbol: str) -> bool:
    return token.kind is Kind.SYMBOL and token.value == symbol

"""What a function of Athena is here: how many arguments, which type, and how DuckDB says it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from tandem.query.athena.failures import failure_at
from tandem.query.athena.types import UNKNOWN, Type


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its arguments as DuckDB SQL, beside what they were and of which type.

    distinct   "DISTINCT " or nothing
    order      " ORDER BY ..." or nothing
    """

    node: exp.Anonymous
    name: str
    arguments: tuple[str, ...]
    nodes: tuple[exp.Expr, ...]
    types: tuple[Type, ...]
    distinct: str = ""
    order: str = ""

    def literal(self, index: int) -> str:
        """The text of an argument that must be a literal. Raises QueryFailed."""
        node = self.nodes[index]
        if not isinstance(node, exp.Literal):
            message = f"argument {index + 1} of {self.name} must be a literal: other values are"
            raise failure_at(self.node, "NOT_SUPPORTED", f"{message} not supported")
        return str(node.this)

    def once(self, index: int, template: str) -> str:
        """`template` with `{0}` for an argument that it uses often, which is made only once.

        A copy for each use would grow with every level of nesting, without bound.
        """
        return once(self.arguments[index], self.nodes[index], template)


@dataclass(frozen=True, slots=True)
class Function:
    """`sql` gets a call whose number of arguments is between `least` and `most`."""

    sql: Callable[[Call], str]
    type: Callable[[Sequence[Type]], Type]
    least: int
    most: int


def once(sql: str, node: exp.Expr, template: str) -> str:
    if isinstance(node, exp.Column | exp.Literal | exp.Identifier):
        return template.format(sql)
    return f'list_transform([{sql}], lambda "its value": {template.format(QUOTED_ONCE)})[1]'


QUOTED_ONCE = '"its value"'


def returns(type_: Type) -> Callable[[Sequence[Type]], Type]:
    return lambda _: type_


def like_argument(index: int) -> Callable[[Sequence[Type]], Type]:
    return lambda types: types[index] if index < len(types) else UNKNOWN


def template(
    text: str,
    type_: Type | Callable[[Sequence[Type]], Type],
    least: int,
    most: int | None = None,
) -> Function:
    """A function that is a text with `{0}`, `{1}` for arguments, or `{all}` for all of them."""

    def sql(call: Call) -> str:
        return text.format(*call.arguments, all=", ".join(call.arguments))

    type_of = returns(type_) if isinstance(type_, exp.DataType) else type_
    return Function(sql, type_of, least, least if most is None else most)


def named(
    name: str,
    type_: Type | Callable[[Sequence[Type]], Type],
    least: int,
    most: int | None = None,
) -> Function:
    """A function that DuckDB has under some name, with the same arguments."""
    return template(name + "({all})", type_, least, most)


def quoted_text(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"

"""Names and types of a query's columns: what each expression is, and what the result is called.

* Every expression of the tree gets its type (`node.type`).
* The result's columns are named by Athena's rule: those of `*` as the catalog has them, in lower
  case; a name or alias in the query as it is written there; what has neither is `_col0`, `_col1`,
  by its place.
* A column that no table in reach has is refused, in Athena's words.
* A derived table sees the tables beside it, as if LATERAL were written. Trino would refuse that.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from tandem.query.athena.expression_types import RULES, field_type, literal_type
from tandem.query.athena.failures import failure_at, not_supported
from tandem.query.athena.functions import FUNCTIONS
from tandem.query.athena.types import (
    BIGINT,
    BOOLEAN,
    NULL,
    UNKNOWN,
    Type,
    common_type,
    is_known,
    is_map,
    is_row,
    parameter,
    row_fields,
)


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a relation; its name is None where the query gives none."""

    name: str | None
    type: Type


Fields = tuple[Field, ...]


@dataclass(slots=True)
class Scope:
    """What an expression sees: the tables beside it, then those of the queries around it."""

    ctes: Mapping[str, Fields]
    outer: "Scope | None" = None
    sources: list[tuple[str | None, Fields]] = field(default_factory=list)
    merged: set[str] = field(default_factory=set)
    variables: dict[str, Type] = field(default_factory=dict)
    outputs: dict[str, Type] = field(default_factory=dict)


class Inference:
    """`base_fields` answers the columns of a node that names a table, None for a WITH query."""

    def __init__(self, base_fields: Callable[[exp.Table], Fields | None]) -> None:
        self._base_fields = base_fields

    def query(self, tree: exp.Expr, scope: Scope) -> Fields:
        """The columns of a query in the scope around it, with types set in its tree."""
        scope = Scope(self._with_queries(tree, scope), scope)
        if isinstance(tree, exp.Subquery):
            fields = self.query(tree.this, scope)
            return self._modified(tree, scope, fields)
        if isinstance(tree, exp.SetOperation):
            return self._modified(tree, scope, self._set_operation(tree, scope))
        if isinstance(tree, exp.Values):
            return self._modified(tree, scope, self._values(tree, scope))
        if isinstance(tree, exp.Select):
            return self._select(tree, scope)
        raise not_supported(tree, f"the query {tree.key.upper()}")

    def _with_queries(self, tree: exp.Expr, scope: Scope) -> Mapping[str, Fields]:
        with_ = tree.args.get("with_")
        ctes = dict(scope.ctes)
        if with_ is None:
            return ctes
        for cte in with_.expressions:
            visible = dict(ctes)
            if with_.args.get("recursive") and isinstance(cte.this, exp.SetOperation):
                first = self.query(cte.this.this, Scope(visible, scope.outer))
                visible[cte.alias.lower()] = _renamed(first, cte)
            fields = self.query(cte.this, Scope(visible, scope.outer))
            ctes[cte.alias.lower()] = _renamed(fields, cte)
        return ctes

    def _modified(self, tree: exp.Expr, scope: Scope, fields: Fields) -> Fields:
        """The same fields, once ORDER BY and LIMIT are seen to."""
        scope.outputs = {one.name.lower(): one.type for one in fields if one.name is not None}
        for name in ("order", "limit", "offset"):
            if tree.args.get(name) is not None:
                self.type_of(tree.args[name], scope)
        return fields

    def _set_operation(self, tree: exp.SetOperation, scope: Scope) -> Fields:
        left, right = self.query(tree.this, scope), self.query(tree.expression, scope)
        if len(left) != len(right):
            message = f"{tree.key.upper()} query has different number of fields"
            raise failure_at(tree, "TYPE_MISMATCH", f"{message}: {len(left)}, {len(right)}")
        return tuple(
            Field(one.name, common_type([one.type, other.type]))
            for one, other in zip(left, right, strict=True)
        )

    def _values(self, tree: exp.Values, scope: Scope) -> Fields:
        rows = []
        for row in tree.expressions:
            parts = row.expressions if isinstance(row, exp.Tuple) else [row]
            rows.append([self.type_of(part, scope) for part in parts])
        columns = [common_type(list(types)) for types in zip(*rows, strict=False)]
        return _renamed(tuple(Field(None, type_) for type_ in columns), tree)

    def _select(self, tree: exp.Select, scope: Scope) -> Fields:
        from_ = tree.args.get("from_")
        if from_ is not None:
            self._add_source(from_.this, scope)
        for join in tree.args.get("joins") or ():
            self._add_join(join, scope)
        for lateral in tree.args.get("laterals") or ():
            self._add_source(lateral, scope)
        if scope.merged:
            _spell_out_stars(tree, scope)
        fields: list[Field] = []
        for node in tree.expressions:
            fields += self._projected(node, scope)
        for name in ("where", "group", "having", "windows", "distinct"):
            for node in _as_nodes(tree.args.get(name)):
                self.type_of(node, scope)
        return self._modified(tree, scope, tuple(fields))

    def _projected(self, node: exp.Expr, scope: Scope) -> Sequence[Field]:
        if isinstance(node, exp.Star):
            return _all_fields(node, scope)
        if isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
            return _fields_of(node, scope)
        type_ = self.type_of(node, scope)
        return [Field(_output_name(node), type_)]

    def _add_join(self, join: exp.Join, scope: Scope) -> None:
        if join.args.get("method"):
            raise not_supported(join, f"{join.args['method']} JOIN")
        self._add_source(join.this, scope)
        for name in join.args.get("using") or ():
            scope.merged.add(name.name.lower())
        if join.args.get("on") is not None:
            self.type_of(join.args["on"], scope)

    def _add_source(self, node: exp.Expr, scope: Scope) -> None:
        alias = node.alias_or_name.lower() or None
        if isinstance(node, exp.Table):
            fields = self._base_fields(node)
            if fields is None:
                fields = scope.ctes.get(node.name.lower())
            if fields is None:
                message = f"WITH table '{node.name}' is in the base relation of its recursion"
                raise failure_at(node, "INVALID_RECURSIVE_REFERENCE", message)
            scope.sources.append((alias, _renamed(fields, node)))
            for join in node.args.get("joins") or ():
                self._add_join(join, scope)
        elif isinstance(node, exp.Unnest):
            scope.sources.append((alias, self._unnested(node, scope)))
        elif isinstance(node, exp.Lateral):
            scope.sources.append((alias, _renamed(self.query(node.this, scope), node)))
        elif isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table):
            self._add_source(node.this, scope)  # a join in parentheses
            for join in node.args.get("joins") or ():
                self._add_join(join, scope)
        elif isinstance(node, exp.Subquery | exp.Values):
            inner = Scope(scope.ctes, scope)
            scope.sources.append((alias, _renamed(self.query(node, inner), node)))
        else:
            raise not_supported(node, f"{type(node).__name__} in place of a table")

    def _unnested(self, node: exp.Unnest, scope: Scope) -> Fields:
        types: list[Type] = []
        for value in node.expressions:
            type_ = self.type_of(value, scope)
            types += unnested_types(type_)
        if node.args.get("offset"):
            types.append(BIGINT)
        names = [column.name for column in node.args["alias"].columns] if node.alias else []
        offset = node.args.get("offset")
        if isinstance(offset, exp.Identifier):
            names.append(offset.name)
        padded = [*names, *[None] * (len(types) - len(names))]
        return tuple(Field(name, type_) for name, type_ in zip(padded, types, strict=False))

    def type_of(self, node: exp.Expr, scope: Scope) -> Type:
        """The type of an expression, which it and all its parts then carry."""
        type_ = self._type_of(node, scope)
        node.type = type_
        return type_

    def _type_of(self, node: exp.Expr, scope: Scope) -> Type:
        if isinstance(node, exp.Connector):
            # Conditions come in long chains, which are flattened rather than gone down.
            for part in node.flatten():
                self.type_of(part, scope)
            return BOOLEAN
        if isinstance(node, exp.Subquery | exp.Query):
            fields = self.query(node, scope)
            return fields[0].type if fields else NULL
        if isinstance(node, exp.Literal):
            return literal_type(node)
        if isinstance(node, exp.Column):
            return self._column(node, scope)
        if isinstance(node, exp.Anonymous):
            return self._call(node, scope)
        if isinstance(node, exp.Identifier):
            return _variable(node.name, scope) or UNKNOWN
        if isinstance(node, exp.Case | exp.If):
            return self._choice(node, scope)
        if isinstance(node, exp.DataType | exp.Var):
            return UNKNOWN
        if isinstance(node, exp.Dot):
            return field_type(self.type_of(node.this, scope), node.expression.name)
        types = [self.type_of(child, scope) for child in _parts(node)]
        rule = RULES.get(type(node))
        return rule(node, types) if rule is not None else UNKNOWN

    def _choice(self, node: exp.Case | exp.If, scope: Scope) -> Type:
        if isinstance(node, exp.Case):
            children = [node.this, *node.args["ifs"], node.args.get("default")]
        else:
            children = [node.this, node.args.get("true"), node.args.get("false")]
        found = [self.type_of(child, scope) for child in children if isinstance(child, exp.Expr)]
        has_condition = isinstance(node, exp.If) or isinstance(node.this, exp.Expr)
        return common_type(found[1:] if has_condition else found)

    def _call(self, node: exp.Anonymous, scope: Scope) -> Type:
        function = FUNCTIONS.get(node.name.lower())
        if function is None:
            message = f"Function '{node.name.lower()}' not registered"
            raise failure_at(node, "FUNCTION_NOT_FOUND", message)
        types: list[Type] = []
        for argument in node.expressions:
            if isinstance(argument, exp.Lambda):
                types.append(self._lambda(argument, types, scope))
            else:
                types.append(self.type_of(argument, scope))
        return function.type(types) if len(types) >= function.least else UNKNOWN

    def _lambda(self, node: exp.Lambda, before: Sequence[Type], scope: Scope) -> Type:
        """The type of a function's body, whose variable is an element of the array before it."""
        first = parameter(before[0], 0) if before else UNKNOWN
        states = [before[1], first] if len(before) > 1 else [first]
        names = [variable.name.lower() for variable in node.expressions]
        padded = [*states, *[UNKNOWN] * len(names)]
        inner = Scope(scope.ctes, scope, variables=dict(zip(names, padded, strict=False)))
        node.type = self.type_of(node.this, inner)
        return node.type or UNKNOWN

    def _column(self, node: exp.Column, scope: Scope) -> Type:
        if isinstance(node.this, exp.Star):
            return UNKNOWN
        seen: Scope | None = scope
        while seen is not None:
            found = _find(node, seen)
            if found is not None:
                return found
            seen = seen.outer
        message = f"Column '{node.sql(dialect='trino', identify=False)}' cannot be resolved"
        raise failure_at(node, "COLUMN_NOT_FOUND", message)


def unnested_types(type_: Type) -> list[Type]:
    """The types of the columns that an array or a map becomes."""
    if is_map(type_):
        return [parameter(type_, 0), parameter(type_, 1)]
    element = parameter(type_, 0)
    return [kind for _, kind in row_fields(element)] if is_row(element) else [element]


def _find(node: exp.Column, scope: Scope) -> Type | None:
    name, table = node.name.lower(), node.table.lower()
    for alias, fields in scope.sources:
        if not table or alias == table:
            for one in fields:
                if one.name is not None and one.name.lower() == name:
                    _shorten(node, scope)
                    return one.type
    if not table:
        return scope.variables.get(name) or scope.outputs.get(name)
    if table in scope.variables:
        return field_type(scope.variables[table], name)
    return _find_in_row(node, scope)


def _shorten(node: exp.Column, scope: Scope) -> None:
    """Leaves out catalog and database before a table where that stays plain: it may be renamed."""
    table = node.table.lower()
    if table and sum(alias == table for alias, _ in scope.sources) == 1:
        node.set("db", None)
    node.set("catalog", None)


def _find_in_row(node: exp.Column, scope: Scope) -> Type | None:
    """`row.field`, or `table.row.field`, where what looks like a table is a column."""
    row, table = node.table.lower(), node.db.lower()
    for alias, fields in scope.sources:
        if not table or alias == table:
            for one in fields:
                is_row_or_unknown = is_row(one.type) or not is_known(one.type)
                if one.name is not None and one.name.lower() == row and is_row_or_unknown:
                    return field_type(one.type, node.name)
    return None


def _variable(name: str, scope: Scope | None) -> Type | None:
    while scope is not None:
        if name.lower() in scope.variables:
            return scope.variables[name.lower()]
        scope = scope.outer
    return None


def _all_fields(node: exp.Star, scope: Scope) -> Fields:
    if not scope.sources:
        message = "SELECT * not allowed in queries without FROM clause"
        raise failure_at(node, "COLUMN_NOT_FOUND", message)
    return tuple(one for _, fields in scope.sources for one in fields)


def _spell_out_stars(tree: exp.Select, scope: Scope) -> None:
    """Names the columns of `*` after JOIN ... USING: Trino has the shared ones first."""
    spelled: list[exp.Expr] = []
    for node in tree.expressions:
        if not isinstance(node, exp.Star):
            spelled.append(node)
            continue
        seen: set[str] = set()
        rest: list[exp.Expr] = []
        for alias, fields in scope.sources:
            for one in fields:
                if one.name is None or alias is None:
                    raise not_supported(node, "* after USING with columns that have no name")
                if one.name.lower() not in scope.merged:
                    rest.append(exp.column(one.name, table=alias, quoted=True))
                elif one.name.lower() not in seen:
                    seen.add(one.name.lower())
                    spelled.append(exp.column(one.name, quoted=True))
        spelled += rest
    tree.set("expressions", spelled)


def _fields_of(node: exp.Column, scope: Scope) -> Fields:
    for alias, fields in scope.sources:
        if alias == node.table.lower():
            return fields
    raise failure_at(node, "COLUMN_NOT_FOUND", f"Table '{node.table}' cannot be resolved")


def _output_name(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Alias):
        return node.alias
    if isinstance(node, exp.Column):
        return node.name
    return node.expression.name if isinstance(node, exp.Dot) else None


def _renamed(fields: Fields, node: exp.Expr) -> Fields:
    """The fields under the names of a table alias with columns, `AS t (a, b)`."""
    alias = node.args.get("alias")
    columns = alias.columns if isinstance(alias, exp.TableAlias) else []
    if columns and len(columns) != len(fields):
        message = f"Column alias list has {len(columns)} entries but"
        shown = f"{message} '{node.alias}' has {len(fields)} columns available"
        raise failure_at(node, "MISMATCHED_COLUMN_ALIASES", shown)
    if not columns:
        return fields
    return tuple(Field(column.name, one.type) for column, one in zip(columns, fields, strict=True))


def _parts(node: exp.Expr) -> list[exp.Expr]:
    return list(node.iter_expressions())


def _as_nodes(value: object) -> list[exp.Expr]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]  # type: ignore[list-item]

"""Expressions that read no table, as DuckDB SQL."""

from sqlglot import exp

from tandem.query.athena.failures import not_supported
from tandem.query.athena.generation import duckdb_sql
from tandem.query.athena.inference import Inference, Scope


def constant_sql(value: exp.Expr) -> str:
    """Raises QueryFailed where the expression reads a column or a table."""
    if value.find(exp.Column, exp.Query) is not None:
        raise not_supported(value, "a value that is not constant")
    copy = value.copy()
    Inference(lambda _: None).type_of(copy, Scope({}))
    return duckdb_sql(copy)

"""`tandem` with a bug planted in its SQL: a column that must not be less than another may be.

So a row of a data set may hold values from after its moment.
"""

import os

from sqlglot import exp

from tandem.cli import main
from tandem.query.athena import translation

_duckdb_sql = translation.duckdb_sql


def leaking(tree: exp.Query) -> str:
    for node in list(tree.find_all(exp.GTE)):
        if node.left.find(exp.Column) and node.right.find(exp.Column):
            node.replace(exp.true())
    return _duckdb_sql(tree)


translation.duckdb_sql = leaking
os.environ["TANDEM_QUERY_PROCESS"] = "false"  # which would be without the bug
main()

"""What Athena's functions are in DuckDB: one table, from the name that a query writes.

A function that is not in the table does not reach DuckDB, whose own functions (readers of files,
settings) therefore cannot be named.
"""

from collections.abc import Mapping

from tandem.query.athena.functions.aggregates import AGGREGATES
from tandem.query.athena.functions.collections import COLLECTIONS
from tandem.query.athena.functions.definition import Function
from tandem.query.athena.functions.json import JSON_FUNCTIONS
from tandem.query.athena.functions.numbers import NUMBERS
from tandem.query.athena.functions.text import TEXT
from tandem.query.athena.functions.times import TIMES

FUNCTIONS: Mapping[str, Function] = {
    **AGGREGATES,
    **COLLECTIONS,
    **JSON_FUNCTIONS,
    **NUMBERS,
    **TEXT,
    **TIMES,
}

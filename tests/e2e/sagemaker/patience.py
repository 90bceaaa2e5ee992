"""What the SDK takes its time for, shortened for its tests; nothing that they look at changes.

It looks every five seconds whether a query has ended: here more often. And at every call it checks
that the schema of its own settings is a schema, a tenth of a second each time: here once.
"""

import time
from typing import Any

from jsonschema import Draft202012Validator

_sleep = time.sleep
time.sleep = lambda seconds: _sleep(min(seconds, 0.05))

_check_schema = Draft202012Validator.check_schema
_checked: dict[int, Any] = {}


def _check_schema_once(schema: Any, *more: Any, **named: Any) -> None:
    if id(schema) not in _checked:
        _check_schema(schema, *more, **named)
        _checked[id(schema)] = schema  # held, so that no other gets its id


Draft202012Validator.check_schema = _check_schema_once


def pause() -> None:
    _sleep(0.1)

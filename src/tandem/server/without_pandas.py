"""Keeps pandas out of a server's processes.

Arrow imports pandas, where it is installed, before it makes its first array: to know objects of its
kind, which no request has. The import takes the interpreter from all requests, for half a second
and more, and 60 MB in each process.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType


class _NoPandas(MetaPathFinder):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - so finders are called
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("a server does without pandas", name=fullname)


def keep_out_pandas() -> None:
    """From now on it cannot be imported in this process, as if it were not installed."""
    sys.meta_path.insert(0, _NoPandas())

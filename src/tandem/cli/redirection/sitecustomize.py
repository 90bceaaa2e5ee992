"""Lets AWS_ENDPOINT_URL hold for the SageMaker SDK's STS calls, too.

`tandem env` puts this folder on PYTHONPATH, and Python imports a module of this name as it starts.
The SDK gives its STS clients AWS's address outright, built from botocore's own table, which no
variable changes; and an address given outright is above AWS_ENDPOINT_URL. So that one is dropped,
and botocore finds the address as it does for every other client.

* Without AWS_ENDPOINT_URL, and for any other service or address, nothing changes.
* Nothing of botocore is imported before the program does so.
* A `sitecustomize` that stands on the path behind this one runs as ever.

It runs in the user's Python, not in Tandem's: hence nothing newer than Python 3.8, and no imports
that slow the start of every program.
"""

import importlib.machinery
import importlib.util
import os
import sys
from typing import Any

_HOME = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
_PATCHED = "botocore.session"


def _redirect(session: Any) -> None:
    create_client = session.create_client

    def create_redirected_client(
        self: Any, service_name: str, *arguments: Any, **members: Any
    ) -> Any:
        address = members.get("endpoint_url") or ""
        is_of_aws = address.startswith("https://sts.") and ".amazonaws.com" in address
        if service_name == "sts" and is_of_aws and os.environ.get("AWS_ENDPOINT_URL"):
            members["endpoint_url"] = None
        return create_client(self, service_name, *arguments, **members)

    session.create_client = create_redirected_client


class _Loader:
    """Loads a module as its own loader does, then changes it."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        self._loader.exec_module(module)
        _redirect(module.Session)


class _Finder:
    """Answers for one module, once."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != _PATCHED:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
        return spec


def _run_the_one_behind() -> None:
    others = [path for path in sys.path if os.path.abspath(path or ".") != _HOME]  # noqa: PTH100
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


sys.meta_path.insert(0, _Finder())
_run_the_one_behind()

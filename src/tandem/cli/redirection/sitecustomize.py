"""Two repairs of botocore for the SageMaker SDK, made in the user's own Python.

`tandem env` puts this folder on PYTHONPATH, and Python imports a module of this name as it starts.

* AWS_ENDPOINT_URL holds for the SDK's STS clients, too. The SDK gives them AWS's address outright,
  built from botocore's own table, which no variable changes; an address given outright is above
  AWS_ENDPOINT_URL. So that one is dropped, and botocore finds the address as for other clients.
* A connection is not used on both sides of a fork. The SDK's third version ingests in processes
  that inherit its clients. Over TLS a shared connection breaks and the client makes another one;
  over plain HTTP two requests run into each other, and one process may get the other's answer.

Without AWS_ENDPOINT_URL nothing changes, and nothing of botocore is imported before the program
does so. A `sitecustomize` that stands on the path behind this one runs as ever. It is for any
Python that the SDK runs on: nothing newer than 3.8, no imports that slow every program's start.
"""

import importlib.machinery
import importlib.util
import os
import sys
from typing import Any

_HOME = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120


def _find_sts_as_all_others(module: Any) -> None:
    session = module.Session
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


def _connect_anew_after_a_fork(module: Any) -> None:
    session = module.URLLib3Session
    send = session.send

    def send_in_own_process(self: Any, request: Any) -> Any:
        process = os.getpid()
        if self.__dict__.setdefault("_process", process) != process:
            if os.environ.get("AWS_ENDPOINT_URL"):
                # Kept, not closed: that takes locks which somebody may have held at the fork.
                self._parents_managers = (self._manager, self._proxy_managers)
                manager = module.PoolManager(**self._get_pool_manager_kwargs())
                manager.pool_classes_by_scheme = self._pool_classes_by_scheme
                self._manager, self._proxy_managers = manager, {}
            self._process = process
        return send(self, request)

    session.send = send_in_own_process


_REPAIRS = {
    "botocore.session": _find_sts_as_all_others,
    "botocore.httpsession": _connect_anew_after_a_fork,
}


class _Loader:
    """Loads a module as its own loader does, then repairs it."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        self._loader.exec_module(module)
        _REPAIRS[module.__name__](module)


class _Finder:
    """Answers for the modules to be repaired."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in _REPAIRS:
            return None
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

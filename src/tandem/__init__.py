"""Tandem: an open feature store that speaks the Amazon SageMaker Feature Store API."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tandem.errors import TandemError

if TYPE_CHECKING:
    from tandem.sdk.connection import connect
    from tandem.sdk.cost import cost
    from tandem.sdk.frames import Result
    from tandem.sdk.group import FeatureGroupHandle
    from tandem.sdk.record_cache import RecordCache
    from tandem.sdk.store import FeatureStore

__all__ = [
    "FeatureGroupHandle",
    "FeatureStore",
    "RecordCache",
    "Result",
    "TandemError",
    "__version__",
    "connect",
    "cost",
]
__version__ = "0.1.0"

_HOMES = {
    "FeatureGroupHandle": "tandem.sdk.group",
    "FeatureStore": "tandem.sdk.store",
    "RecordCache": "tandem.sdk.record_cache",
    "Result": "tandem.sdk.frames",
    "connect": "tandem.sdk.connection",
    "cost": "tandem.sdk.cost",
}


def __getattr__(name: str) -> Any:
    # Arrow takes longer to import than the command line takes to print its help or a completion.
    if name not in _HOMES:
        raise AttributeError(f"module 'tandem' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

"""Tandem: an open feature store that speaks the Amazon SageMaker Feature Store API."""

from tandem.errors import TandemError
from tandem.sdk.frames import Result
from tandem.sdk.group import FeatureGroupHandle
from tandem.sdk.store import FeatureStore, connect

__all__ = ["FeatureGroupHandle", "FeatureStore", "Result", "TandemError", "__version__", "connect"]
__version__ = "0.1.0"

"""Shapes of Tandem's own operations: the files of a history, and those that others put there."""

from tandem.wire.shapes.featurestore_runtime import TargetStore
from tandem.wire.shapes.shape import Shape


class AdoptFilesRequest(Shape):
    feature_group_name: str = ""
    target_stores: list[TargetStore] | None = None


class AdoptedFile(Shape):
    path: str
    rows: int
    size_bytes: int
    digest: str


class RefusedFile(Shape):
    group_id: str
    path: str
    kept_at: str
    reason: str
    since: float


class WaitingFile(Shape):
    path: str
    reason: str
    still_seconds: float


class AdoptFilesResponse(Shape):
    adopted: list[AdoptedFile]
    repeated: list[str]
    refused: list[RefusedFile]
    waiting: list[WaitingFile]


class ListHistoryFilesRequest(Shape):
    feature_group_name: str = ""


class ListHistoryFilesResponse(Shape):
    uris: list[str]
    iceberg_metadata: str | None = None

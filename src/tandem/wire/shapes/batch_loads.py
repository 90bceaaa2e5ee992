"""Shapes of Tandem's own operations: batch loads. Times are seconds since 1970."""

from tandem.wire.shapes.shape import Shape


class StartBatchLoadRequest(Shape):
    feature_group_name: str
    location: str
    format: str | None = None
    delimiter: str | None = None
    target_stores: list[str] | None = None
    on_error: str = "raise"
    ingestion_id: str | None = None
    failed_rows_location: str | None = None


class BatchLoadRequest(Shape):
    batch_load_id: str = ""


class ListBatchLoadsRequest(Shape):
    feature_group_name: str | None = None
    status: str | None = None
    max_results: str | None = None
    next_token: str | None = None


class LoadProgress(Shape):
    files_total: int
    bytes_total: int
    rows_total: int | None = None
    # Of these, 0 is an answer, too.
    files_done: int | None = None
    bytes_done: int | None = None
    rows_done: int | None = None
    rows_written: int | None = None
    rows_failed: int | None = None


class BatchLoad(Shape):
    batch_load_id: str
    feature_group_name: str
    location: str
    ingestion_id: str
    status: str
    target_stores: list[str]
    on_error: str | None
    failed_rows_location: str
    progress: LoadProgress
    creation_time: float
    format: str | None = None
    delimiter: str | None = None
    failure_reason: str | None = None
    start_time: float | None = None
    last_progress_time: float | None = None
    end_time: float | None = None


class BatchLoadResponse(Shape):
    batch_load: BatchLoad


class ListBatchLoadsResponse(Shape):
    batch_loads: list[BatchLoad]
    next_token: str | None = None

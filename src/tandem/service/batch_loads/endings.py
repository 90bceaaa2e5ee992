"""How a batch load ends, as a change of its document."""

from dataclasses import replace

from tandem.model.batch_load import BatchLoad, LoadStatus


def ended(load: BatchLoad, status: LoadStatus, reason: str | None, now_us: int) -> BatchLoad:
    return replace(load, status=status, failure_reason=reason, ended_at_us=now_us)


def stopped(load: BatchLoad, now_us: int) -> BatchLoad:
    done = load.progress.rows_done
    how_far = f"{done} rows of the input are done" if done else "no row was written"
    return ended(
        load,
        LoadStatus.STOPPED,
        f"it was stopped; {how_far}: a load of the same location with the ingestion id"
        f" {load.ingestion_id!r} goes on behind them",
        now_us,
    )

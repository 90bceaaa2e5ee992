"""What rows of a load leave behind in the online store, each key once."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tandem.model.decision import NewestState
from tandem.model.event_time import EventTime
from tandem.online.base import OnlineRecord
from tandem.online.features_json import encode_features
from tandem.rows.features_json import FeaturesJsonWriter
from tandem.rows.record_table import EVENT_NANOSECONDS, EVENT_SECONDS, IDENTIFIER
from tandem.rows.segment import expiries_ms, feature_columns, records_of

Newest = list[tuple[str, OnlineRecord]]


def newest_rows(
    rows: pa.Table, ttl_seconds: int | None, writer: FeaturesJsonWriter | None = None
) -> Newest:
    """The record of each key, by identifier: of its rows that of the greatest event time, of those
    the last. `writer` saves making one.
    """
    newest = _newest_of_each_key(rows)
    if writer is None:
        with FeaturesJsonWriter() as new:
            json = new.write(newest.select(feature_columns(newest)))
    else:
        json = writer.write(newest.select(feature_columns(newest)))
    texts: list[bytes] = json.texts.to_pylist()
    for row in json.odd_rows:
        (record,) = records_of(newest.slice(row, 1))
        texts[row] = encode_features(record.values)
    expiries = expiries_ms(newest, ttl_seconds)
    expires_at_ms = [None] * len(texts) if expiries is None else expiries.tolist()
    return [
        (
            identifier,
            OnlineRecord(NewestState(EventTime(seconds, nanoseconds), expiry, False), text),
        )
        for identifier, seconds, nanoseconds, expiry, text in zip(
            newest.column(IDENTIFIER).to_pylist(),
            newest.column(EVENT_SECONDS).to_pylist(),
            newest.column(EVENT_NANOSECONDS).to_pylist(),
            expires_at_ms,
            texts,
            strict=True,
        )
    ]


def by_identifier(rows: pa.Table) -> pa.Table:
    """The rows ordered by identifier; those of one keep their order."""
    order = pc.sort_indices(rows.column(IDENTIFIER).combine_chunks())
    return rows.take(order)


def _newest_of_each_key(rows: pa.Table) -> pa.Table:
    """Ordered by identifier."""
    given = rows.column(IDENTIFIER).combine_chunks()
    # Nearly always a slice of ordered rows, with each key once.
    if pc.all(pc.less(given.slice(0, len(given) - 1), given.slice(1))).as_py():
        return rows
    order = pc.sort_indices(
        pa.table(
            {
                "key": rows.column(IDENTIFIER),
                "seconds": rows.column(EVENT_SECONDS),
                "nanoseconds": rows.column(EVENT_NANOSECONDS),
                "row": np.arange(rows.num_rows),
            }
        ),
        [(name, "ascending") for name in ("key", "seconds", "nanoseconds", "row")],
    ).to_numpy()
    keys = given.take(pa.array(order))
    is_last = np.ones(len(keys), np.bool_)
    following = pc.not_equal(keys.slice(0, len(keys) - 1), keys.slice(1))
    is_last[:-1] = following.to_numpy(zero_copy_only=False)
    return rows.take(pa.array(order[is_last]))

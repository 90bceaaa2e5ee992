"""What rows of a load leave behind in the online store, each key once."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tandem.online.base import NewestRows
from tandem.online.features_json import encode_features
from tandem.rows.features_json import FeaturesJsonWriter
from tandem.rows.record_table import EVENT_NANOSECONDS, EVENT_SECONDS, IDENTIFIER
from tandem.rows.segment import expiries_ms, feature_columns, records_of


def newest_rows(
    parts: Sequence[pa.Table], ttl_seconds: int | None, writer: FeaturesJsonWriter
) -> list[NewestRows]:
    """Of each of the tables, the record of each key: of its rows that of the greatest event time,
    of those the last.
    """
    newest = [_newest_of_each_key(part) for part in parts]
    # In one go: a statement costs as much as some hundred rows.
    whole = pa.concat_tables(newest)
    json = writer.write(whole.select(feature_columns(whole)))
    texts: list[bytes] = json.texts.to_pylist()
    for row in json.odd_rows:
        (record,) = records_of(whole.slice(row, 1))
        texts[row] = encode_features(record.values)
    found, start = [], 0
    for rows in newest:
        end = start + rows.num_rows
        found.append(_as_columns(rows, ttl_seconds, texts[start:end]))
        start = end
    return found


def _as_columns(rows: pa.Table, ttl_seconds: int | None, texts: list[bytes]) -> NewestRows:
    seconds = rows.column(EVENT_SECONDS).to_pylist()
    nanoseconds = rows.column(EVENT_NANOSECONDS).to_pylist()
    expiries = expiries_ms(rows, ttl_seconds)
    return NewestRows(
        identifiers=rows.column(IDENTIFIER).to_pylist(),
        event_times=list(zip(seconds, nanoseconds, strict=True)),
        expires_at_ms=[None] * rows.num_rows if expiries is None else expiries.tolist(),
        features_json=texts,
    )


def by_identifier(rows: pa.Table) -> pa.Table:
    """The rows ordered by identifier; those of one keep their order."""
    order = pc.sort_indices(rows.column(IDENTIFIER).combine_chunks())
    return rows.take(order)


def _newest_of_each_key(rows: pa.Table) -> pa.Table:
    """Ordered by identifier."""
    if rows.num_rows == 0:
        return rows
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

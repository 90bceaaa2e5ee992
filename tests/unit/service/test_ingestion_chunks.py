"""Chunks are bounded by what their rows take as records, however they are given."""

import pyarrow as pa

from tandem.service.ingestion_chunks import Chunks

_TEXTS = ["short"] * 30 + ["x" * 1_000] * 30


def test_texts_of_a_dictionary_count_in_each_row() -> None:
    encoded = pa.array(_TEXTS).dictionary_encode()
    table = pa.table({"text": pa.chunked_array([encoded.slice(0, 40), encoded.slice(40)])})
    chunks = list(Chunks([table], 10_000))
    assert pa.concat_tables(chunks).equals(table)
    sizes = [pa.array(chunk["text"].to_pylist()).nbytes for chunk in chunks]
    assert max(sizes) < 30_000
    assert len(sizes) < 20

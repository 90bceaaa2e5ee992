"""pandas over s3fs, which follow AWS_ENDPOINT_URL: files written, listed and read back."""

import pandas as pd
import s3fs

frame = pd.DataFrame({"id": range(1_000), "name": [f"n{number}" for number in range(1_000)]})

files = s3fs.S3FileSystem()
files.mkdir("frames")
frame.to_parquet("s3://frames/one.parquet")
frame.to_csv("s3://frames/day=1/two.csv", index=False)
pd.testing.assert_frame_equal(pd.read_parquet("s3://frames/one.parquet"), frame, check_dtype=False)
pd.testing.assert_frame_equal(pd.read_csv("s3://frames/day=1/two.csv"), frame, check_dtype=False)

assert files.find("frames") == ["frames/day=1/two.csv", "frames/one.parquet"]
with files.open("frames/large", "wb", block_size=5 << 20) as stream:
    for _ in range(12):
        stream.write(b"x" * (1 << 20))  # in several parts
assert files.info("frames/large")["size"] == 12 << 20
assert files.cat_ranges(["frames/large"], [5], [8]) == [b"xxx"]
files.mv("frames/large", "frames/moved")
files.rm("frames", recursive=True)
assert not files.exists("frames/moved")

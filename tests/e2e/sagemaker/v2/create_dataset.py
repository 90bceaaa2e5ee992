"""create_dataset in every variant equals a computation in pandas, on random histories."""

import patience  # noqa: F401
from dataset_variants import check_frames, check_groups, check_joins, seeded
from refusal import refused
from sagemaker.s3 import S3Downloader
from sdk_v2 import Sdk, output, session, store

variants = seeded(Sdk())
check_groups(variants)
check_joins(variants)
check_frames(variants)

# Only some features; the result as a file.
texts, third = variants.groups["texts"], variants.groups["third"]
builder = store.create_dataset(texts, output, included_feature_names=["amount"])
builder.with_feature_group(third, included_feature_names=["items"])
found, _ = builder.to_dataframe()
assert list(found) == ["amount", "items.1"]
builder, _ = variants.build("texts", ["third"], is_point_in_time=True)
builder.with_number_of_records_from_query_results(5)
address, query = builder.to_csv_file()
assert address.startswith(f"{output}/")
assert query.endswith("LIMIT 5")
lines = S3Downloader.read_file(address, session).splitlines()
assert len(lines) == 6
assert lines[0].startswith('"id","time",')
assert lines[0].endswith(',"items.1"')

with refused(RuntimeError, "Failed to execute query"):
    # The SDK gives a CROSS JOIN a condition, which no SQL has.
    variants.build("texts", ["third"], [{"kind": "CROSS JOIN"}])[0].to_dataframe()
with refused(ValueError, "point_in_time_accurate_join"):
    variants.build("texts", is_point_in_time=True)[0].to_dataframe()

"""The builder of data sets in every variant equals a computation in pandas."""

import patience  # noqa: F401
from dataset_variants import check_frames, check_groups, check_joins, seeded
from refusal import refused
from sagemaker.mlops.feature_store import DatasetBuilder
from sdk_v3 import Sdk, output, session

variants = seeded(Sdk())
check_groups(variants)
check_joins(variants)
check_frames(variants)

builder = DatasetBuilder.create(
    base=variants.groups["texts"],
    output_path=output,
    session=session,
    included_feature_names=["amount"],
    register_as_dataset=True,  # what it is registered with is not a feature store's: a warning
)
builder.with_feature_group(variants.groups["third"], included_feature_names=["items"])
builder.with_number_of_records_from_query_results(3)
found, _ = builder.to_dataframe()
assert list(found) == ["amount", "items.1"]
assert len(found) == 3
address, _ = builder.to_csv_file()
assert address.startswith(output)
with refused(RuntimeError):
    variants.build("texts", ["third"], [{"kind": "CROSS JOIN"}])[0].to_dataframe()

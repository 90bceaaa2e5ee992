"""create_dataset in every variant equals a computation in pandas, on random histories."""

import patience  # noqa: F401
import sagemaker
from dataset_variants import Variants, check_frames, check_groups, check_joins
from refusal import refused
from sagemaker.feature_store.dataset_builder import JoinComparatorEnum, JoinTypeEnum
from sagemaker.feature_store.feature_definition import (
    FractionalFeatureDefinition,
    IntegralFeatureDefinition,
    StringFeatureDefinition,
)
from sagemaker.feature_store.feature_group import FeatureGroup
from sagemaker.feature_store.feature_store import FeatureStore
from sagemaker.feature_store.inputs import FeatureValue
from sagemaker.s3 import S3Downloader

session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
output = f"s3://{bucket}/datasets"
store = FeatureStore(sagemaker_session=session)


class Sdk:
    comparators = JoinComparatorEnum
    join_kinds = JoinTypeEnum

    def spells_wrong(self, chosen):
        return False

    def create(self, name, is_text_time):
        kind = StringFeatureDefinition if is_text_time else FractionalFeatureDefinition
        group = FeatureGroup(
            name=f"dataset-v2-{name}",
            sagemaker_session=session,
            feature_definitions=[
                StringFeatureDefinition("id"),
                kind("time"),
                FractionalFeatureDefinition("amount"),
                IntegralFeatureDefinition("items"),
            ],
        )
        group.create(
            s3_uri=f"s3://{bucket}/features",
            record_identifier_name="id",
            event_time_feature_name="time",
            role_arn=role,
            enable_online_store=True,
        )
        return group

    def put(self, group, values):
        group.put_record([FeatureValue(name, value) for name, value in values.items()])

    def delete(self, group, key, moment):
        group.delete_record(key, moment)

    def builder(self, base, **named):
        return store.create_dataset(base, output, **named)


variants = Variants(Sdk())
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

"""Version 3 of the SDK, as `dataset_variants` asks for it."""

from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.mlops.feature_store import (
    DatasetBuilder,
    FeatureGroup,
    FeatureValue,
    FractionalFeatureDefinition,
    IntegralFeatureDefinition,
    JoinComparatorEnum,
    JoinTypeEnum,
    OfflineStoreConfig,
    OnlineStoreConfig,
    S3StorageConfig,
    StringFeatureDefinition,
)

session = Session()
role = get_execution_role()
bucket = session.default_bucket()
output = f"s3://{bucket}/datasets/"


class Sdk:
    comparators = JoinComparatorEnum
    join_kinds = JoinTypeEnum

    def spells_wrong(self, chosen):
        """It writes `WHERE is_deletedAND ...` where an event time range has two ends."""
        has_both_ends = chosen.start is not None and chosen.end is not None
        looks_for_deleted = chosen.is_base_a_group or chosen.joins
        is_apart = chosen.is_as_of or chosen.with_deleted
        return has_both_ends and looks_for_deleted and not is_apart

    def create(self, name, is_text_time):
        kind = StringFeatureDefinition if is_text_time else FractionalFeatureDefinition
        group = FeatureGroup.create(
            feature_group_name=f"dataset-v3-{name}",
            record_identifier_feature_name="id",
            event_time_feature_name="time",
            feature_definitions=[
                StringFeatureDefinition("id"),
                kind("time"),
                FractionalFeatureDefinition("amount"),
                IntegralFeatureDefinition("items"),
            ],
            role_arn=role,
            online_store_config=OnlineStoreConfig(enable_online_store=True),
            offline_store_config=OfflineStoreConfig(
                s3_storage_config=S3StorageConfig(s3_uri=f"s3://{bucket}/features")
            ),
        )
        group.wait_for_status("Created")
        return group

    def put(self, group, values):
        group.put_record(
            [FeatureValue(feature_name=name, value_as_string=text) for name, text in values.items()]
        )

    def delete(self, group, key, moment):
        group.delete_record(record_identifier_value_as_string=key, event_time=moment)

    def builder(self, base, **named):
        return DatasetBuilder.create(base=base, output_path=output, session=session, **named)

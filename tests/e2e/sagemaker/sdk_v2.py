"""Version 2 of the SDK, as `dataset_variants` asks for it."""

import sagemaker
from sagemaker.feature_store.dataset_builder import JoinComparatorEnum, JoinTypeEnum
from sagemaker.feature_store.feature_definition import (
    FractionalFeatureDefinition,
    IntegralFeatureDefinition,
    StringFeatureDefinition,
)
from sagemaker.feature_store.feature_group import FeatureGroup
from sagemaker.feature_store.feature_store import FeatureStore
from sagemaker.feature_store.inputs import FeatureValue

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

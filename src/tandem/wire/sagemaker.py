"""sagemaker: the table of its operations. Who performs them stands in one file a noun."""

from tandem.errors import ResourceInUse, ResourceLimitExceeded, ResourceNotFound
from tandem.wire.error_table import Dialect
from tandem.wire.feature_groups import FeatureGroupOperations
from tandem.wire.operation import Core, Operation, Service
from tandem.wire.paging import PageTokens
from tandem.wire.shapes import sagemaker as shapes


def sagemaker_service(core: Core, tokens: PageTokens) -> Service:
    groups = FeatureGroupOperations(core.groups, tokens)
    return Service(
        name="sagemaker",
        dialect=Dialect.JSON,
        prefix="SageMaker",
        operations=[
            Operation(
                name="CreateFeatureGroup",
                request=shapes.CreateFeatureGroupRequest,
                perform=groups.create,
                errors=(ResourceInUse, ResourceLimitExceeded),
            ),
            Operation(
                name="DescribeFeatureGroup",
                request=shapes.DescribeFeatureGroupRequest,
                perform=groups.describe,
                errors=(ResourceNotFound,),
            ),
            Operation(
                name="DeleteFeatureGroup",
                request=shapes.DeleteFeatureGroupRequest,
                perform=groups.delete,
                errors=(ResourceNotFound,),
            ),
            Operation(
                name="ListFeatureGroups",
                request=shapes.ListFeatureGroupsRequest,
                perform=groups.list,
            ),
        ],
    )

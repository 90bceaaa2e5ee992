"""sagemaker: the table of its operations. Who performs them stands in one file a noun."""

from typing import Any

from tandem.errors import ResourceInUse, ResourceLimitExceeded, ResourceNotFound
from tandem.wire.error_table import Dialect
from tandem.wire.feature_groups import FeatureGroupOperations
from tandem.wire.feature_metadata import FeatureMetadataOperations
from tandem.wire.operation import Core, Operation, Service
from tandem.wire.paging import PageTokens
from tandem.wire.search import SearchOperations
from tandem.wire.shapes import feature_metadata as metadata_shapes
from tandem.wire.shapes import sagemaker as shapes
from tandem.wire.shapes import search as search_shapes
from tandem.wire.shapes import tags as tag_shapes
from tandem.wire.tags import TagOperations


def sagemaker_service(core: Core, tokens: PageTokens) -> Service:
    return Service(
        name="sagemaker",
        dialect=Dialect.JSON,
        prefix="SageMaker",
        operations=[
            *_feature_groups(core, tokens),
            *_feature_metadata(core),
            *_tags(core, tokens),
            *_search(core, tokens),
        ],
    )


def _feature_groups(core: Core, tokens: PageTokens) -> list[Operation[Any]]:
    groups = FeatureGroupOperations(core.groups, core.updates, tokens)
    return [
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
            name="UpdateFeatureGroup",
            request=shapes.UpdateFeatureGroupRequest,
            perform=groups.update,
            errors=(ResourceNotFound, ResourceLimitExceeded),
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
    ]


def _feature_metadata(core: Core) -> list[Operation[Any]]:
    metadata = FeatureMetadataOperations(core.updates, core.groups.account)
    return [
        Operation(
            name="UpdateFeatureMetadata",
            request=metadata_shapes.UpdateFeatureMetadataRequest,
            perform=metadata.update,
            errors=(ResourceNotFound,),
        ),
        Operation(
            name="DescribeFeatureMetadata",
            request=metadata_shapes.DescribeFeatureMetadataRequest,
            perform=metadata.describe,
            errors=(ResourceNotFound,),
        ),
    ]


def _tags(core: Core, tokens: PageTokens) -> list[Operation[Any]]:
    tags = TagOperations(core.groups, core.updates, tokens)
    return [
        Operation(name="AddTags", request=tag_shapes.AddTagsRequest, perform=tags.add),
        Operation(name="ListTags", request=tag_shapes.ListTagsRequest, perform=tags.list),
        Operation(name="DeleteTags", request=tag_shapes.DeleteTagsRequest, perform=tags.delete),
    ]


def _search(core: Core, tokens: PageTokens) -> list[Operation[Any]]:
    search = SearchOperations(core.search, core.groups.account, tokens)
    return [
        Operation(name="Search", request=search_shapes.SearchRequest, perform=search.search),
        Operation(
            name="GetSearchSuggestions",
            request=search_shapes.GetSearchSuggestionsRequest,
            perform=search.suggestions,
        ),
    ]

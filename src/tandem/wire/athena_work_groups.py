"""Work groups over the wire, their tags, and the one engine version that there is."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from tandem.errors import ResourceNotFound, ValidationError
from tandem.model.query_execution import ResultPlace
from tandem.service.athena import Athena
from tandem.service.athena.work_groups import ENGINE_VERSION, PRIMARY, WorkGroup
from tandem.service.placement import Account
from tandem.wire.athena_executions import described_place, result_place
from tandem.wire.paging import PageTokens
from tandem.wire.shapes import athena_work_groups as shapes
from tandem.wire.shapes.athena import EngineVersion, ResultConfiguration

_Item = TypeVar("_Item")
_ENGINE = EngineVersion(selected_engine_version="AUTO", effective_engine_version=ENGINE_VERSION)


class WorkGroupOperations:
    """These read and write the registry: they run in threads."""

    def __init__(self, athena: Athena, account: Account, tokens: PageTokens) -> None:
        self._groups = athena.work_groups
        self._delete = athena.delete_work_group
        self._account = account
        self._tokens = tokens

    async def create(
        self, request: shapes.CreateWorkGroupRequest
    ) -> shapes.CreateWorkGroupResponse:
        configuration = request.configuration or shapes.WorkGroupConfiguration()
        group = WorkGroup(
            name=request.name,
            description=request.description,
            result=result_place(configuration.result_configuration),
            is_enforced=_default(configuration.enforce_work_group_configuration, True),
            publishes_metrics=_default(configuration.publish_cloud_watch_metrics_enabled, False),
            requester_pays=_default(configuration.requester_pays_enabled, False),
            scanned_bytes_max=configuration.bytes_scanned_cutoff_per_query,
            tags=_new_tags(request.tags or []),
        )
        await asyncio.to_thread(self._groups.create, group)
        return shapes.CreateWorkGroupResponse()

    async def get(self, request: shapes.WorkGroupRequest) -> shapes.GetWorkGroupResponse:
        group = await asyncio.to_thread(self._groups.get, request.work_group)
        return shapes.GetWorkGroupResponse(
            work_group=shapes.WorkGroup(
                name=group.name,
                state=_state(group),
                configuration=shapes.WorkGroupConfiguration(
                    result_configuration=described_place(group.result),
                    enforce_work_group_configuration=group.is_enforced,
                    publish_cloud_watch_metrics_enabled=group.publishes_metrics,
                    bytes_scanned_cutoff_per_query=group.scanned_bytes_max,
                    requester_pays_enabled=group.requester_pays,
                    engine_version=_ENGINE,
                ),
                description=group.description or "",
                creation_time=group.created_at_us / 1e6,
            )
        )

    async def list(self, request: shapes.ListWorkGroupsRequest) -> shapes.ListWorkGroupsResponse:
        groups = await asyncio.to_thread(self._groups.all)
        page, token = page_of(
            groups,
            self._tokens,
            ("ListWorkGroups",),
            request.next_token,
            request.max_results or shapes.GROUPS_MAX,
            lambda group: group.name,
        )
        return shapes.ListWorkGroupsResponse(
            work_groups=[
                shapes.WorkGroupSummary(
                    name=group.name,
                    state=_state(group),
                    description=group.description or "",
                    creation_time=group.created_at_us / 1e6,
                    engine_version=_ENGINE,
                )
                for group in page
            ],
            next_token=token,
        )

    async def update(
        self, request: shapes.UpdateWorkGroupRequest
    ) -> shapes.UpdateWorkGroupResponse:
        await asyncio.to_thread(
            self._groups.update, request.work_group, lambda group: _updated(group, request)
        )
        return shapes.UpdateWorkGroupResponse()

    async def delete(
        self, request: shapes.DeleteWorkGroupRequest
    ) -> shapes.DeleteWorkGroupResponse:
        await asyncio.to_thread(
            self._delete, request.work_group, is_recursive=bool(request.recursive_delete_option)
        )
        return shapes.DeleteWorkGroupResponse()

    async def engine_versions(
        self,
        request: shapes.ListEngineVersionsRequest,  # noqa: ARG002 - all are on one page
    ) -> shapes.ListEngineVersionsResponse:
        version = EngineVersion(
            selected_engine_version=ENGINE_VERSION, effective_engine_version=ENGINE_VERSION
        )
        return shapes.ListEngineVersionsResponse(engine_versions=[_ENGINE, version])

    async def tag(self, request: shapes.TagResourceRequest) -> shapes.TagResourceResponse:
        tags = _new_tags(request.tags)
        await asyncio.to_thread(
            self._groups.update,
            self._name(request.resource_arn),
            lambda group: replace(group, tags={**group.tags, **tags}),
        )
        return shapes.TagResourceResponse()

    async def untag(self, request: shapes.UntagResourceRequest) -> shapes.UntagResourceResponse:
        gone = set(request.tag_keys)
        await asyncio.to_thread(
            self._groups.update,
            self._name(request.resource_arn),
            lambda group: replace(
                group, tags={key: value for key, value in group.tags.items() if key not in gone}
            ),
        )
        return shapes.UntagResourceResponse()

    async def tags(
        self, request: shapes.ListTagsForResourceRequest
    ) -> shapes.ListTagsForResourceResponse:
        group = await asyncio.to_thread(self._groups.get, self._name(request.resource_arn))
        tags = [shapes.Tag(key=key, value=value) for key, value in group.tags.items()]
        return shapes.ListTagsForResourceResponse(tags=tags)

    def _name(self, arn: str) -> str:
        """The work group that an ARN names. Raises ResourceNotFound where it names none here."""
        account = self._account
        prefix = f"arn:aws:athena:{account.region}:{account.account_id}:workgroup/"
        if not arn.startswith(prefix):
            raise ResourceNotFound(
                f"{arn[:128]!r} is not here: tags are those of work groups, {prefix}<name>"
            )
        return arn.removeprefix(prefix)


def page_of(
    items: Sequence[_Item],
    tokens: PageTokens,
    question: tuple[object, ...],
    token: str | None,
    size: int,
    name: Callable[[_Item], str],
) -> tuple[Sequence[_Item], str | None]:
    """A page of items that are in the order of their names, and the token of the next page."""
    after = None if token is None else tokens.open(question, token)
    left = [item for item in items if after is None or name(item) > after]
    page = left[:size]
    return page, tokens.seal(question, name(page[-1])) if left[size:] else None


def _new_tags(tags: Sequence[shapes.Tag]) -> dict[str, str]:
    by_key: dict[str, str] = {}
    for tag in tags:
        if tag.key is None or tag.key in by_key:
            what = "a tag has no Key" if tag.key is None else f"tag key {tag.key!r} is given twice"
            raise ValidationError(what)
        by_key[tag.key] = tag.value or ""
    return by_key


def _state(group: WorkGroup) -> shapes.WorkGroupState:
    enabled = shapes.WorkGroupState.ENABLED
    return enabled if group.is_enabled else shapes.WorkGroupState.DISABLED


def _default(given: bool | None, otherwise: bool) -> bool:
    return otherwise if given is None else given


def _updated(group: WorkGroup, request: shapes.UpdateWorkGroupRequest) -> WorkGroup:
    if group.name == PRIMARY and request.state is shapes.WorkGroupState.DISABLED:
        raise ValidationError("The primary workgroup cannot be disabled.")
    updates = request.configuration_updates or shapes.WorkGroupConfigurationUpdates()
    cutoff = _default_number(updates.bytes_scanned_cutoff_per_query, group.scanned_bytes_max)
    if updates.remove_bytes_scanned_cutoff_per_query:
        cutoff = None
    return replace(
        group,
        description=group.description if request.description is None else request.description,
        is_enabled=group.is_enabled
        if request.state is None
        else request.state is shapes.WorkGroupState.ENABLED,
        result=_updated_place(group.result, updates.result_configuration_updates),
        is_enforced=_default(updates.enforce_work_group_configuration, group.is_enforced),
        publishes_metrics=_default(
            updates.publish_cloud_watch_metrics_enabled, group.publishes_metrics
        ),
        requester_pays=_default(updates.requester_pays_enabled, group.requester_pays),
        scanned_bytes_max=cutoff,
    )


def _default_number(given: int | None, otherwise: int | None) -> int | None:
    return otherwise if given is None else given


def _updated_place(
    place: ResultPlace, updates: shapes.ResultConfigurationUpdates | None
) -> ResultPlace:
    if updates is None:
        return place
    given = result_place(
        ResultConfiguration(
            output_location=updates.output_location,
            encryption_configuration=updates.encryption_configuration,
            expected_bucket_owner=updates.expected_bucket_owner,
            acl_configuration=updates.acl_configuration,
        )
    )
    removed = {
        "output_location": updates.remove_output_location,
        "encryption": updates.remove_encryption_configuration,
        "expected_bucket_owner": updates.remove_expected_bucket_owner,
        "acl_option": updates.remove_acl_configuration,
    }
    changes = {
        name: None if is_removed else getattr(given, name)
        for name, is_removed in removed.items()
        if is_removed or getattr(given, name) is not None
    }
    return replace(place, **changes)

"""The operations of IAM on roles, their policies and their tags.

Policies are percent-encoded in answers, as IAM does it; boto3 and Terraform decode them. Times have
whole seconds.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote

from tandem.errors import ValidationError
from tandem.model import limits
from tandem.model.role import NewRole, Role, policy_name, policy_path
from tandem.service.placement import Account
from tandem.service.roles import Roles
from tandem.wire.paging import PageTokens
from tandem.wire.shapes import iam as shapes
from tandem.wire.shapes.sagemaker import Tag
from tandem.wire.tags import new_tags

_PAGE_SIZE = 100  # of a listing that asks for no size
_Item = TypeVar("_Item")


class RoleOperations:
    """These write to or read from the registry, which may wait: they run in threads."""

    def __init__(self, roles: Roles, account: Account, tokens: PageTokens) -> None:
        self._roles = roles
        self._account = account
        self._tokens = tokens

    async def create(self, request: shapes.CreateRoleRequest) -> shapes.RoleResponse:
        new = NewRole(
            name=request.role_name,
            trust_policy=request.assume_role_policy_document,
            path="/" if request.path is None else request.path,
            description=request.description,
            session_seconds_max=request.max_session_duration or limits.ROLE_SESSION_SECONDS_MIN,
            permissions_boundary=request.permissions_boundary,
            tags=new_tags(request.tags or []),
        )
        return self._response(await asyncio.to_thread(self._roles.create, new))

    async def get(self, request: shapes.RoleRequest) -> shapes.RoleResponse:
        return self._response(await asyncio.to_thread(self._roles.get, request.role_name))

    async def list_roles(self, request: shapes.ListRolesRequest) -> shapes.ListRolesResponse:
        prefix = _path_prefix(request.path_prefix)
        question = ("ListRoles", prefix)
        roles = await asyncio.to_thread(self._roles.all, prefix)
        if request.marker is not None:
            last = self._tokens.open(question, request.marker, "Marker")
            roles = [role for role in roles if role.name > last]
        size = request.max_items or _PAGE_SIZE
        is_truncated = len(roles) > size
        return shapes.ListRolesResponse(
            roles=[_described(role, self._account) for role in roles[:size]],
            is_truncated=is_truncated,
            marker=self._tokens.seal(question, roles[size - 1].name) if is_truncated else None,
        )

    async def update(self, request: shapes.UpdateRoleRequest) -> None:
        await asyncio.to_thread(
            self._roles.update,
            request.role_name,
            request.description,
            request.max_session_duration,
        )

    async def update_description(
        self, request: shapes.UpdateRoleDescriptionRequest
    ) -> shapes.RoleResponse:
        changed = await asyncio.to_thread(
            self._roles.update, request.role_name, request.description, None
        )
        return self._response(changed)

    async def set_trust_policy(self, request: shapes.UpdateAssumeRolePolicyRequest) -> None:
        await asyncio.to_thread(
            self._roles.set_trust_policy, request.role_name, request.policy_document
        )

    async def delete(self, request: shapes.RoleRequest) -> None:
        await asyncio.to_thread(self._roles.delete, request.role_name)

    async def put_policy(self, request: shapes.PutRolePolicyRequest) -> None:
        await asyncio.to_thread(
            self._roles.put_policy, request.role_name, request.policy_name, request.policy_document
        )

    async def get_policy(self, request: shapes.RolePolicyRequest) -> shapes.GetRolePolicyResponse:
        text = await asyncio.to_thread(self._roles.policy, request.role_name, request.policy_name)
        return shapes.GetRolePolicyResponse(
            role_name=request.role_name,
            policy_name=request.policy_name,
            policy_document=_encoded(text),
        )

    async def delete_policy(self, request: shapes.RolePolicyRequest) -> None:
        await asyncio.to_thread(self._roles.remove_policy, request.role_name, request.policy_name)

    async def list_policies(
        self, request: shapes.ListInRoleRequest
    ) -> shapes.ListRolePoliciesResponse:
        role = await asyncio.to_thread(self._roles.get, request.role_name)
        page, marker = self._page("ListRolePolicies", request, sorted(role.policies))
        return shapes.ListRolePoliciesResponse(
            policy_names=page, is_truncated=marker is not None, marker=marker
        )

    async def attach_policy(self, request: shapes.AttachedPolicyRequest) -> None:
        await asyncio.to_thread(self._roles.attach, request.role_name, request.policy_arn)

    async def detach_policy(self, request: shapes.AttachedPolicyRequest) -> None:
        await asyncio.to_thread(self._roles.detach, request.role_name, request.policy_arn)

    async def list_attached_policies(
        self, request: shapes.ListAttachedRolePoliciesRequest
    ) -> shapes.ListAttachedRolePoliciesResponse:
        prefix = _path_prefix(request.path_prefix)
        role = await asyncio.to_thread(self._roles.get, request.role_name)
        arns = [arn for arn in role.attached if policy_path(arn).startswith(prefix)]
        page, marker = self._page("ListAttachedRolePolicies", request, arns)
        return shapes.ListAttachedRolePoliciesResponse(
            attached_policies=[
                shapes.AttachedPolicy(policy_name=policy_name(arn), policy_arn=arn) for arn in page
            ],
            is_truncated=marker is not None,
            marker=marker,
        )

    async def put_boundary(self, request: shapes.PutRolePermissionsBoundaryRequest) -> None:
        await asyncio.to_thread(
            self._roles.set_permissions_boundary, request.role_name, request.permissions_boundary
        )

    async def delete_boundary(self, request: shapes.RoleRequest) -> None:
        await asyncio.to_thread(self._roles.set_permissions_boundary, request.role_name, None)

    async def tag(self, request: shapes.TagRoleRequest) -> None:
        await asyncio.to_thread(self._roles.tag, request.role_name, new_tags(request.tags))

    async def untag(self, request: shapes.UntagRoleRequest) -> None:
        await asyncio.to_thread(self._roles.untag, request.role_name, request.tag_keys)

    async def list_tags(self, request: shapes.ListInRoleRequest) -> shapes.ListRoleTagsResponse:
        role = await asyncio.to_thread(self._roles.get, request.role_name)
        page, marker = self._page("ListRoleTags", request, list(role.tags.items()))
        return shapes.ListRoleTagsResponse(
            tags=[Tag(key=key, value=value) for key, value in page],
            is_truncated=marker is not None,
            marker=marker,
        )

    async def list_instance_profiles(
        self, request: shapes.ListInRoleRequest
    ) -> shapes.ListInstanceProfilesForRoleResponse:
        """None, always: there are no machines here to hand a role to."""
        await asyncio.to_thread(self._roles.get, request.role_name)
        if request.marker is not None:
            self._tokens.open(("ListInstanceProfilesForRole",), request.marker, "Marker")
        return shapes.ListInstanceProfilesForRoleResponse(instance_profiles=[], is_truncated=False)

    def _page(
        self,
        operation: str,
        request: shapes.ListInRoleRequest | shapes.ListAttachedRolePoliciesRequest,
        items: Sequence[_Item],
    ) -> tuple[list[_Item], str | None]:
        """A page of what one role has, and the marker that leads on.

        The marker holds for the list as it was: such a list is short, and where it has changed in
        between, one begins anew.
        """
        question = (operation, request.role_name, items)
        start = 0
        if request.marker is not None:
            start = self._tokens.open(question, request.marker, "Marker")
        end = start + (request.max_items or _PAGE_SIZE)
        marker = self._tokens.seal(question, end) if end < len(items) else None
        return list(items[start:end]), marker

    def _response(self, role: Role) -> shapes.RoleResponse:
        return shapes.RoleResponse(role=_described(role, self._account))


def _described(role: Role, account: Account) -> shapes.Role:
    boundary = role.permissions_boundary
    return shapes.Role(
        path=role.path,
        role_name=role.name,
        role_id=role.role_id,
        arn=f"arn:aws:iam::{account.account_id}:role{role.path}{role.name}",
        create_date=datetime.fromtimestamp(role.created_at_us // 1_000_000, UTC),
        assume_role_policy_document=_encoded(role.trust_policy),
        description=role.description or None,
        max_session_duration=role.session_seconds_max,
        permissions_boundary=(
            None
            if boundary is None
            else shapes.AttachedPermissionsBoundary(
                permissions_boundary_arn=boundary,
                permissions_boundary_type=shapes.PermissionsBoundaryType.POLICY,
            )
        ),
        tags=[Tag(key=key, value=value) for key, value in role.tags.items()] or None,
    )


def _encoded(policy: str) -> str:
    return quote(policy, safe="")


def _path_prefix(prefix: str | None) -> str:
    if prefix is None:
        return "/"
    if not prefix.startswith("/"):
        raise ValidationError(f"PathPrefix {prefix[:64]!r} is not valid: it begins with '/'")
    return prefix

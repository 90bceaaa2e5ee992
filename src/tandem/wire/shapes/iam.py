"""Shapes of iam: roles, their policies and their tags. Names and texts are checked in the model."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from tandem.model import limits
from tandem.wire.shapes.sagemaker import Tag
from tandem.wire.shapes.shape import Shape

Marker = Annotated[str, Meta(min_length=1, max_length=320)]
MaxItems = Annotated[int, Meta(ge=1, le=limits.LIST_ROLES_RESULTS_MAX)]
SessionSeconds = Annotated[
    int, Meta(ge=limits.ROLE_SESSION_SECONDS_MIN, le=limits.ROLE_SESSION_SECONDS_MAX)
]
PathPrefix = Annotated[str, Meta(min_length=1, max_length=limits.ROLE_PATH_LENGTH_MAX)]
Tags = Annotated[list[Tag], Meta(max_length=limits.TAGS_PER_ROLE_MAX)]


class PermissionsBoundaryType(StrEnum):
    POLICY = "PermissionsBoundaryPolicy"


class AttachedPermissionsBoundary(Shape):
    permissions_boundary_arn: str | None = None
    permissions_boundary_type: PermissionsBoundaryType | None = None


class Role(Shape):
    """Policies are percent-encoded, as IAM answers them."""

    path: str
    role_name: str
    role_id: str
    arn: str
    create_date: datetime
    assume_role_policy_document: str | None = None
    description: str | None = None
    max_session_duration: int | None = None
    permissions_boundary: AttachedPermissionsBoundary | None = None
    tags: list[Tag] | None = None


class RoleRequest(Shape):
    """Names a role, and nothing else."""

    role_name: str


class RoleResponse(Shape):
    role: Role


class ListInRoleRequest(Shape):
    """Asks for a page of something that a role has."""

    role_name: str
    marker: Marker | None = None
    max_items: MaxItems | None = None


class CreateRoleRequest(Shape):
    role_name: str
    assume_role_policy_document: str
    path: str | None = None
    description: str | None = None
    max_session_duration: SessionSeconds | None = None
    permissions_boundary: str | None = None
    tags: Tags | None = None


class ListRolesRequest(Shape):
    path_prefix: PathPrefix | None = None
    marker: Marker | None = None
    max_items: MaxItems | None = None


class ListRolesResponse(Shape):
    roles: list[Role]
    is_truncated: bool
    marker: str | None = None


class UpdateRoleRequest(Shape):
    role_name: str
    description: str | None = None
    max_session_duration: SessionSeconds | None = None


class UpdateRoleDescriptionRequest(Shape):
    role_name: str
    description: str


class UpdateAssumeRolePolicyRequest(Shape):
    role_name: str
    policy_document: str


class PutRolePolicyRequest(Shape):
    role_name: str
    policy_name: str
    policy_document: str


class RolePolicyRequest(Shape):
    """Names an inline policy of a role."""

    role_name: str
    policy_name: str


class GetRolePolicyResponse(Shape):
    role_name: str
    policy_name: str
    policy_document: str


class ListRolePoliciesResponse(Shape):
    policy_names: list[str]
    is_truncated: bool
    marker: str | None = None


class AttachedPolicyRequest(Shape):
    """Names a managed policy and a role."""

    role_name: str
    policy_arn: str


class ListAttachedRolePoliciesRequest(Shape):
    role_name: str
    path_prefix: PathPrefix | None = None
    marker: Marker | None = None
    max_items: MaxItems | None = None


class AttachedPolicy(Shape):
    policy_name: str
    policy_arn: str


class ListAttachedRolePoliciesResponse(Shape):
    attached_policies: list[AttachedPolicy]
    is_truncated: bool
    marker: str | None = None


class PutRolePermissionsBoundaryRequest(Shape):
    role_name: str
    permissions_boundary: str


class TagRoleRequest(Shape):
    role_name: str
    tags: Tags


class UntagRoleRequest(Shape):
    role_name: str
    tag_keys: Annotated[list[str], Meta(max_length=limits.TAGS_PER_ROLE_MAX)]


class ListRoleTagsResponse(Shape):
    tags: list[Tag]
    is_truncated: bool
    marker: str | None = None


class InstanceProfile(Shape):
    """What hands a role to a machine. No role here has one."""

    path: str
    instance_profile_name: str
    instance_profile_id: str
    arn: str
    create_date: datetime
    roles: list[Role]
    tags: list[Tag] | None = None


class ListInstanceProfilesForRoleResponse(Shape):
    instance_profiles: list[InstanceProfile]
    is_truncated: bool
    marker: str | None = None

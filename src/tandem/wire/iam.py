"""iam: the table of its operations, all on roles.

Enough of IAM that a Terraform file may bring along the role of its feature groups, and that the
SageMaker SDK finds the role of its caller.
"""

from typing import Any

from tandem.errors import (
    ConflictError,
    DeleteConflict,
    MalformedPolicyDocument,
    ResourceInUse,
    ResourceLimitExceeded,
    ResourceNotFound,
    UnmodifiableEntity,
)
from tandem.wire.error_table import Dialect
from tandem.wire.operation import Core, Operation, Service
from tandem.wire.paging import PageTokens
from tandem.wire.roles import RoleOperations
from tandem.wire.shapes import iam as shapes


def iam_service(core: Core, tokens: PageTokens) -> Service:
    roles = RoleOperations(core.roles, core.groups.account, tokens)
    return Service(
        name="iam",
        signing_name="iam",
        dialect=Dialect.QUERY,
        namespace="https://iam.amazonaws.com/doc/2010-05-08/",
        operations=[
            *_roles(roles),
            *_inline_policies(roles),
            *_attached_policies(roles),
            *_boundaries(roles),
            *_tags(roles),
        ],
    )


def _roles(roles: RoleOperations) -> list[Operation[Any]]:
    return [
        Operation(
            name="CreateRole",
            request=shapes.CreateRoleRequest,
            perform=roles.create,
            errors=(ResourceInUse, ResourceLimitExceeded, MalformedPolicyDocument, ConflictError),
        ),
        Operation(
            name="GetRole",
            request=shapes.RoleRequest,
            perform=roles.get,
            errors=(ResourceNotFound,),
        ),
        Operation(name="ListRoles", request=shapes.ListRolesRequest, perform=roles.list_roles),
        Operation(
            name="UpdateRole",
            request=shapes.UpdateRoleRequest,
            perform=roles.update,
            errors=(ResourceNotFound, UnmodifiableEntity),
        ),
        Operation(
            name="UpdateRoleDescription",
            request=shapes.UpdateRoleDescriptionRequest,
            perform=roles.update_description,
            errors=(ResourceNotFound, UnmodifiableEntity),
        ),
        Operation(
            name="UpdateAssumeRolePolicy",
            request=shapes.UpdateAssumeRolePolicyRequest,
            perform=roles.set_trust_policy,
            errors=(ResourceNotFound, UnmodifiableEntity, MalformedPolicyDocument),
        ),
        Operation(
            name="DeleteRole",
            request=shapes.RoleRequest,
            perform=roles.delete,
            errors=(ResourceNotFound, UnmodifiableEntity, DeleteConflict, ConflictError),
        ),
        Operation(
            name="ListInstanceProfilesForRole",
            request=shapes.ListInRoleRequest,
            perform=roles.list_instance_profiles,
            errors=(ResourceNotFound,),
        ),
    ]


def _inline_policies(roles: RoleOperations) -> list[Operation[Any]]:
    return [
        Operation(
            name="PutRolePolicy",
            request=shapes.PutRolePolicyRequest,
            perform=roles.put_policy,
            errors=(
                ResourceNotFound,
                UnmodifiableEntity,
                MalformedPolicyDocument,
                ResourceLimitExceeded,
            ),
        ),
        Operation(
            name="GetRolePolicy",
            request=shapes.RolePolicyRequest,
            perform=roles.get_policy,
            errors=(ResourceNotFound,),
        ),
        Operation(
            name="DeleteRolePolicy",
            request=shapes.RolePolicyRequest,
            perform=roles.delete_policy,
            errors=(ResourceNotFound, UnmodifiableEntity),
        ),
        Operation(
            name="ListRolePolicies",
            request=shapes.ListInRoleRequest,
            perform=roles.list_policies,
            errors=(ResourceNotFound,),
        ),
    ]


def _attached_policies(roles: RoleOperations) -> list[Operation[Any]]:
    return [
        Operation(
            name="AttachRolePolicy",
            request=shapes.AttachedPolicyRequest,
            perform=roles.attach_policy,
            errors=(ResourceNotFound, UnmodifiableEntity, ResourceLimitExceeded),
        ),
        Operation(
            name="DetachRolePolicy",
            request=shapes.AttachedPolicyRequest,
            perform=roles.detach_policy,
            errors=(ResourceNotFound, UnmodifiableEntity),
        ),
        Operation(
            name="ListAttachedRolePolicies",
            request=shapes.ListAttachedRolePoliciesRequest,
            perform=roles.list_attached_policies,
            errors=(ResourceNotFound,),
        ),
    ]


def _boundaries(roles: RoleOperations) -> list[Operation[Any]]:
    return [
        Operation(
            name="PutRolePermissionsBoundary",
            request=shapes.PutRolePermissionsBoundaryRequest,
            perform=roles.put_boundary,
            errors=(ResourceNotFound, UnmodifiableEntity),
        ),
        Operation(
            name="DeleteRolePermissionsBoundary",
            request=shapes.RoleRequest,
            perform=roles.delete_boundary,
            errors=(ResourceNotFound, UnmodifiableEntity),
        ),
    ]


def _tags(roles: RoleOperations) -> list[Operation[Any]]:
    return [
        Operation(
            name="TagRole",
            request=shapes.TagRoleRequest,
            perform=roles.tag,
            errors=(ResourceNotFound, ResourceLimitExceeded, ConflictError),
        ),
        Operation(
            name="UntagRole",
            request=shapes.UntagRoleRequest,
            perform=roles.untag,
            errors=(ResourceNotFound, ConflictError),
        ),
        Operation(
            name="ListRoleTags",
            request=shapes.ListInRoleRequest,
            perform=roles.list_tags,
            errors=(ResourceNotFound,),
        ),
    ]

"""Requests for IAM's operations on roles, each valid once `make_role` has run."""

import json
from typing import Any

from .bench import IAM, Bench

ROLE_NAME = "feature-store"
POLICY_ARN = "arn:aws:iam::aws:policy/AmazonSageMakerFeatureStoreAccess"
BOUNDARY = "arn:aws:iam::123456789012:policy/teams/boundary"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sagemaker.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
ACCESS = json.dumps(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}
)
TAG = {"Key": "team", "Value": "a"}
_ROLE = {"RoleName": ROLE_NAME}
_POLICY = {**_ROLE, "PolicyName": "access"}
_PAGE = {**_ROLE, "MaxItems": 1}
ROLE_REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    (IAM, "CreateRole", {
        "RoleName": "new", "AssumeRolePolicyDocument": TRUST, "Path": "/teams/",
        "Description": "d", "MaxSessionDuration": 7_200, "PermissionsBoundary": BOUNDARY,
        "Tags": [TAG]}),
    (IAM, "GetRole", _ROLE),
    (IAM, "ListRoles", {"PathPrefix": "/", "MaxItems": 1}),
    (IAM, "UpdateRole", {**_ROLE, "Description": "e", "MaxSessionDuration": 3_600}),
    (IAM, "UpdateRoleDescription", {**_ROLE, "Description": "f"}),
    (IAM, "UpdateAssumeRolePolicy", {**_ROLE, "PolicyDocument": TRUST}),
    (IAM, "DeleteRole", {"RoleName": "bare"}),
    (IAM, "ListInstanceProfilesForRole", _PAGE),
    (IAM, "PutRolePolicy", {**_POLICY, "PolicyDocument": ACCESS}),
    (IAM, "GetRolePolicy", _POLICY),
    (IAM, "DeleteRolePolicy", _POLICY),
    (IAM, "ListRolePolicies", _PAGE),
    (IAM, "AttachRolePolicy", {**_ROLE, "PolicyArn": BOUNDARY}),
    (IAM, "DetachRolePolicy", {**_ROLE, "PolicyArn": POLICY_ARN}),
    (IAM, "ListAttachedRolePolicies", {**_PAGE, "PathPrefix": "/"}),
    (IAM, "PutRolePermissionsBoundary", {**_ROLE, "PermissionsBoundary": BOUNDARY}),
    (IAM, "DeleteRolePermissionsBoundary", _ROLE),
    (IAM, "TagRole", {**_ROLE, "Tags": [TAG]}),
    (IAM, "UntagRole", {**_ROLE, "TagKeys": ["team"]}),
    (IAM, "ListRoleTags", _PAGE),
]  # fmt: skip
MARKERS = {
    # Markers are sealed, so they cannot be made up.
    f"{operation}.Marker"
    for _, operation, params in ROLE_REQUESTS
    if "MaxItems" in params
}


def make_role(bench: Bench) -> None:
    """The role `feature-store` with a policy of each kind, and `bare` with none."""
    for name in (ROLE_NAME, "bare"):
        call(bench, "CreateRole", RoleName=name, AssumeRolePolicyDocument=TRUST)
    call(bench, "PutRolePolicy", **_POLICY, PolicyDocument=ACCESS)
    call(bench, "AttachRolePolicy", **_ROLE, PolicyArn=POLICY_ARN)


def call(bench: Bench, operation: str, **params: Any) -> dict[str, Any]:
    """What a call that must succeed answers."""
    answer = bench.send(IAM, operation, **params)
    assert answer.status == 200, answer.parsed
    return answer.parsed

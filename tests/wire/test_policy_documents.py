"""Texts that IAM takes for a policy, and those that it does not."""

import json
from typing import Any

import pytest

from .bench import IAM, Bench
from .role_requests import ACCESS, ROLE_REQUESTS, TRUST, make_role

VALID = {name: params for _, name, params in ROLE_REQUESTS}


@pytest.fixture
def roles(bench: Bench) -> Bench:
    make_role(bench)
    return bench


NO_POLICY = {
    "no JSON": ("{", "not JSON"),
    "a number that is too long": (f'{{"Statement":{"9" * 5_000}}}', "not JSON"),
    "nested without end": ("[" * 100_000, "not JSON"),
    "no object": ("[]", "not a JSON object"),
    "a text": ('"Allow"', "not a JSON object"),
    "another version": ('{"Version":"2020-01-01","Statement":[{"Effect":"Allow"}]}', "2020-01-01"),
    "a version that is a list": ('{"Version":[],"Statement":[]}', "Version []"),
    "no statement": ('{"Version":"2012-10-17"}', "no Statement"),
    "no statement in the list": ('{"Statement":[]}', "no Statement"),
    "a statement that is a text": ('{"Statement":["Allow"]}', "Effect"),
    "no effect": ('{"Statement":[{"Action":"s3:*"}]}', "Effect"),
    "another effect": ('{"Statement":{"Effect":"Perhaps"}}', "Perhaps"),
    "an effect that is a list": ('{"Statement":{"Effect":[]}}', "Effect"),
    "an effect in small letters": ('{"Statement":{"Effect":"allow","Action":"sts:x"}}', "allow"),
    "an effect in capitals": ('{"Statement":{"Effect":"DENY","Action":"sts:x"}}', "DENY"),
    "an unknown member": ('{"Statements":[],"Statement":[{"Effect":"Allow"}]}', "'Statements'"),
    "an id that is no text": ('{"Id":5,"Statement":[{"Effect":"Allow"}]}', "Id 5"),
    "what JSON does not have": ('{"Id":NaN,"Statement":[{"Effect":"Allow"}]}', "NaN"),
}


@pytest.mark.parametrize("case", NO_POLICY)
def test_a_text_that_is_no_policy(roles: Bench, case: str) -> None:
    text, said = NO_POLICY[case]
    before = roles.registry.documents("role")
    for operation, member in (
        ("CreateRole", "AssumeRolePolicyDocument"),
        ("UpdateAssumeRolePolicy", "PolicyDocument"),
        ("PutRolePolicy", "PolicyDocument"),
    ):
        answer = roles.send(IAM, operation, **{**VALID[operation], member: text})
        assert (answer.status, answer.code) == (400, "MalformedPolicyDocument"), answer.parsed
        assert member in answer.message
        assert said in answer.message
    assert roles.registry.documents("role") == before


def test_a_trust_policy_and_a_roles_policy_are_not_the_same(roles: Bench) -> None:
    for operation, text, said in (
        ("CreateRole", ACCESS, "must not have a Resource"),
        ("UpdateAssumeRolePolicy", ACCESS, "must not have a Resource"),
        ("PutRolePolicy", TRUST, "must not have a Principal"),
    ):
        member = "AssumeRolePolicyDocument" if operation == "CreateRole" else "PolicyDocument"
        answer = roles.send(IAM, operation, **{**VALID[operation], member: text})
        assert (answer.status, answer.code) == (400, "MalformedPolicyDocument")
        assert said in answer.message


TRUSTING = {
    "Effect": "Allow",
    "Principal": {"Service": "sagemaker.amazonaws.com"},
    "Action": "sts:AssumeRole",
}
OWN = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
ACTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "no action": ({"Action": None}, "names no Action"),
    "an action and its opposite": ({"NotAction": "sts:TagSession"}, "both Action and NotAction"),
    "an empty list of actions": ({"Action": []}, "Action []"),
    "an empty action": ({"Action": ""}, "Action ''"),
    "an action that is a number": ({"Action": 5}, "Action 5"),
    "an action among numbers": ({"Action": ["sts:AssumeRole", 5]}, "Action ["),
    "an action of no service": ({"Action": "AssumeRole"}, "'AssumeRole'"),
    "an unknown member": ({"Actions": "sts:AssumeRole"}, "must not have a Actions"),
    "a member in small letters": ({"effect": "Allow"}, "must not have a effect"),
    "a Sid with a space": ({"Sid": "a b"}, 'Sid "a b"'),
    "a Sid that is a number": ({"Sid": 1}, "Sid 1"),
    "a condition that is a text": ({"Condition": "x"}, 'Condition "x"'),
    "a condition that compares nothing": ({"Condition": {"StringEquals": "x"}}, "Condition {"),
}
PRINCIPALS: dict[str, tuple[Any, str]] = {
    "no principal": (None, "names no Principal"),
    "an empty object": ({}, "Principal {}"),
    "an empty list": ([], "Principal []"),
    "a service that is named nowhere": ({"Service": []}, "Principal.Service []"),
    "an empty service": ({"Service": ""}, "Service ''"),
    "a service that is none": ({"Service": "sagemaker"}, "Service 'sagemaker'"),
    "a service that is a number": ({"Service": 5}, "Principal.Service 5"),
    "an unknown kind": ({"Services": "sagemaker.amazonaws.com"}, "kind 'Services'"),
    "a kind in small letters": ({"service": "sagemaker.amazonaws.com"}, "kind 'service'"),
    "a text that is no star": ("sagemaker.amazonaws.com", 'Principal "sagemaker'),
    "an account that is too short": ({"AWS": "12345"}, "AWS '12345'"),
    "an ARN of something else": ({"AWS": "arn:aws:s3:::bucket"}, "AWS 'arn:aws:s3:::bucket'"),
    "an account among others": ({"AWS": ["123456789012", "x"]}, "AWS 'x'"),
    "an empty provider": ({"Federated": ""}, "Federated ''"),
}


def statement(of: dict[str, Any], **changes: Any) -> str:
    """A policy with one statement; None takes a member away."""
    members = {**of, **changes}
    kept = {name: value for name, value in members.items() if value is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [kept]})


def refused(roles: Bench, operation: str, text: str) -> str:
    member = "AssumeRolePolicyDocument" if operation == "CreateRole" else "PolicyDocument"
    before = roles.registry.documents("role")
    answer = roles.send(IAM, operation, **{**VALID[operation], member: text})
    assert (answer.status, answer.code) == (400, "MalformedPolicyDocument"), answer.parsed
    assert roles.registry.documents("role") == before
    return answer.message


@pytest.mark.parametrize("case", ACTIONS)
def test_a_statement_that_iam_does_not_have(roles: Bench, case: str) -> None:
    changes, said = ACTIONS[case]
    for operation in ("CreateRole", "UpdateAssumeRolePolicy"):
        assert said in refused(roles, operation, statement(TRUSTING, **changes))
    assert said in refused(roles, "PutRolePolicy", statement(OWN, **changes))


@pytest.mark.parametrize("name", ["Principal", "NotPrincipal"])
@pytest.mark.parametrize("case", PRINCIPALS)
def test_a_principal_that_is_nobody(roles: Bench, case: str, name: str) -> None:
    value, said = PRINCIPALS[case]
    text = statement(TRUSTING, **{"Principal": None, name: value})
    for operation in ("CreateRole", "UpdateAssumeRolePolicy"):
        assert said.removeprefix("Principal") in refused(roles, operation, text)


def test_what_a_trust_policy_may_not_say(roles: Bench) -> None:
    for changes, said in (
        ({"Resource": "*"}, "must not have a Resource"),
        ({"NotResource": "*"}, "must not have a NotResource"),
        ({"Action": "s3:GetObject"}, "'s3:GetObject', which is not an action of STS"),
        ({"Action": "*"}, "not an action of STS"),
        ({"NotPrincipal": "*"}, "both Principal and NotPrincipal"),
    ):
        assert said in refused(roles, "CreateRole", statement(TRUSTING, **changes))


def test_what_a_roles_own_policy_may_not_say(roles: Bench) -> None:
    for changes, said in (
        ({"Resource": None}, "names no Resource"),
        ({"NotResource": "*"}, "both Resource and NotResource"),
        ({"Resource": []}, "Resource []"),
        ({"Resource": "bucket"}, "'bucket', which is not an ARN"),
        ({"NotPrincipal": "*"}, "must not have a NotPrincipal"),
    ):
        assert said in refused(roles, "PutRolePolicy", statement(OWN, **changes))


def test_two_statements_of_one_sid(roles: Bench) -> None:
    text = json.dumps({"Statement": [{**TRUSTING, "Sid": "A"}, {**TRUSTING, "Sid": "A"}]})
    assert "Sid 'A'" in refused(roles, "CreateRole", text)


@pytest.mark.parametrize(
    "changes",
    [
        {"Principal": "*"},
        {"Principal": {"AWS": ["123456789012", "arn:aws:iam::123456789012:root", "*"]}},
        {"Principal": {"Service": ["sagemaker.amazonaws.com", "glue.amazonaws.com.cn"]}},
        {"Principal": {"Federated": "cognito-identity.amazonaws.com"}},
        {"Principal": None, "NotPrincipal": {"AWS": "AROAEXAMPLEEXAMPLE12"}, "Effect": "Deny"},
        {"Action": ["sts:AssumeRole", "sts:TagSession", "STS:AssumeRoleWithSAML", "sts:*"]},
        {"Sid": "", "Condition": {"StringEquals": {"aws:SourceAccount": ["1", "2"]}}},
        {"Action": None, "NotAction": "sts:TagSession"},
    ],
)
def test_trust_policies_that_iam_takes(roles: Bench, changes: dict[str, Any]) -> None:
    answer = roles.send(
        IAM,
        "CreateRole",
        RoleName="taken",
        AssumeRolePolicyDocument=statement(TRUSTING, **changes),
    )
    assert answer.status == 200, answer.parsed

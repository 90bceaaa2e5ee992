"""IAM roles through boto3, and what is refused."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config

from .bench import ACCOUNT, IAM, START_US, STS, Bench, Endpoint
from .role_requests import (
    ACCESS,
    BOUNDARY,
    POLICY_ARN,
    ROLE_NAME,
    ROLE_REQUESTS,
    TRUST,
    call,
    make_role,
)

FORM = {"content-type": "application/x-www-form-urlencoded"}
ROLE = {"RoleName": ROLE_NAME}
ALL = [name for _, name, _ in ROLE_REQUESTS]
OF_ONE_ROLE = [name for name in ALL if name not in ("CreateRole", "ListRoles")]
CHANGES = [name for name in OF_ONE_ROLE if not name.startswith(("Get", "List"))]
VALID = {name: params for _, name, params in ROLE_REQUESTS}


@pytest.fixture
def roles(bench: Bench) -> Bench:
    make_role(bench)
    return bench


@pytest.fixture
def iam(bench: Bench) -> Iterator[Any]:
    endpoint = Endpoint(bench)
    client = boto3.client(
        IAM,
        endpoint_url=endpoint.url,
        region_name=ACCOUNT.region,
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    yield client
    client.close()
    endpoint.close()


def test_a_role_is_given_back_as_it_was_made(iam: Any) -> None:
    tags = [{"Key": "team", "Value": "a"}, {"Key": "käse/größe", "Value": ""}]
    created = iam.create_role(
        RoleName="maker+1",
        AssumeRolePolicyDocument=TRUST,
        Path="/teams/a/",
        Description="Writes & reads <features>\n",
        MaxSessionDuration=7_200,
        PermissionsBoundary=BOUNDARY,
        Tags=tags,
    )["Role"]
    role = iam.get_role(RoleName="maker+1")["Role"]
    assert role == created
    role_id = role.pop("RoleId")
    assert role_id.startswith("AROA")
    assert 16 <= len(role_id) <= 128
    assert role == {
        "RoleName": "maker+1",
        "Path": "/teams/a/",
        "Arn": "arn:aws:iam::123456789012:role/teams/a/maker+1",
        "CreateDate": datetime.fromtimestamp(START_US // 1_000_000, UTC),
        "AssumeRolePolicyDocument": json.loads(TRUST),
        "Description": "Writes & reads <features>\n",
        "MaxSessionDuration": 7_200,
        "PermissionsBoundary": {
            "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
            "PermissionsBoundaryArn": BOUNDARY,
        },
        "Tags": tags,
    }


def test_what_a_role_does_not_have_is_left_out(iam: Any) -> None:
    iam.create_role(RoleName="plain", AssumeRolePolicyDocument=TRUST, Tags=[])
    role = iam.get_role(RoleName="plain")["Role"]
    assert (role["Path"], role["MaxSessionDuration"]) == ("/", 3_600)
    assert not {"Description", "Tags", "PermissionsBoundary"} & role.keys()


def test_a_role_is_changed(iam: Any) -> None:
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST, Description="d")
    iam.update_role(RoleName="r", MaxSessionDuration=43_200)
    iam.put_role_permissions_boundary(RoleName="r", PermissionsBoundary=BOUNDARY)
    role = iam.get_role(RoleName="r")["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("d", 43_200)
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == BOUNDARY
    trust = TRUST.replace("sagemaker.", "glue.")
    iam.update_assume_role_policy(RoleName="r", PolicyDocument=trust)
    iam.delete_role_permissions_boundary(RoleName="r")
    changed = iam.update_role_description(RoleName="r", Description="other")["Role"]
    assert changed == iam.get_role(RoleName="r")["Role"]
    assert (changed["Description"], changed["MaxSessionDuration"]) == ("other", 43_200)
    assert changed["AssumeRolePolicyDocument"] == json.loads(trust)
    assert "PermissionsBoundary" not in changed
    assert changed["RoleId"] == role["RoleId"]
    iam.update_role(RoleName="r", Description="")
    assert "Description" not in iam.get_role(RoleName="r")["Role"]


def test_inline_policies(iam: Any) -> None:
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    # What a query string means otherwise comes back as it was: + and %, and a space.
    written = (
        '{"Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::a+b%20c é&=/"}]}'
    )
    iam.put_role_policy(RoleName="r", PolicyName="b", PolicyDocument=written)
    iam.put_role_policy(RoleName="r", PolicyName="a", PolicyDocument=ACCESS)
    assert iam.list_role_policies(RoleName="r")["PolicyNames"] == ["a", "b"]
    policy = iam.get_role_policy(RoleName="r", PolicyName="b")
    assert (policy["RoleName"], policy["PolicyName"]) == ("r", "b")
    assert policy["PolicyDocument"] == json.loads(written)
    iam.put_role_policy(RoleName="r", PolicyName="b", PolicyDocument=ACCESS)
    policy = iam.get_role_policy(RoleName="r", PolicyName="b")
    assert policy["PolicyDocument"] == json.loads(ACCESS)
    iam.delete_role_policy(RoleName="r", PolicyName="a")
    assert iam.list_role_policies(RoleName="r")["PolicyNames"] == ["b"]


def test_attached_policies(iam: Any) -> None:
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    for arn in (POLICY_ARN, BOUNDARY, POLICY_ARN):
        iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    attached = iam.list_attached_role_policies(RoleName="r")["AttachedPolicies"]
    assert attached == [
        {"PolicyName": "AmazonSageMakerFeatureStoreAccess", "PolicyArn": POLICY_ARN},
        {"PolicyName": "boundary", "PolicyArn": BOUNDARY},
    ]
    below = iam.list_attached_role_policies(RoleName="r", PathPrefix="/teams/")
    assert below["AttachedPolicies"] == attached[1:]
    iam.detach_role_policy(RoleName="r", PolicyArn=POLICY_ARN)
    assert iam.list_attached_role_policies(RoleName="r")["AttachedPolicies"] == attached[1:]
    with pytest.raises(iam.exceptions.NoSuchEntityException, match="not attached"):
        iam.detach_role_policy(RoleName="r", PolicyArn=POLICY_ARN)


def test_tags(iam: Any) -> None:
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    iam.tag_role(RoleName="r", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])
    iam.tag_role(RoleName="r", Tags=[{"Key": "a", "Value": "2"}])
    iam.tag_role(RoleName="r", Tags=[])
    assert iam.list_role_tags(RoleName="r")["Tags"] == [
        {"Key": "a", "Value": "2"},
        {"Key": "b", "Value": ""},
    ]
    iam.untag_role(RoleName="r", TagKeys=["a", "unknown"])
    iam.untag_role(RoleName="r", TagKeys=[])
    assert iam.get_role(RoleName="r")["Role"]["Tags"] == [{"Key": "b", "Value": ""}]
    more = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    with pytest.raises(iam.exceptions.LimitExceededException, match="would have 51; 50 are"):
        iam.tag_role(RoleName="r", Tags=more)


def test_a_role_goes_when_its_policies_have_gone(iam: Any) -> None:
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    iam.put_role_policy(RoleName="r", PolicyName="access", PolicyDocument=ACCESS)
    iam.attach_role_policy(RoleName="r", PolicyArn=POLICY_ARN)
    with pytest.raises(iam.exceptions.DeleteConflictException, match="access"):
        iam.delete_role(RoleName="r")
    iam.delete_role_policy(RoleName="r", PolicyName="access")
    with pytest.raises(iam.exceptions.DeleteConflictException, match="AmazonSageMaker"):
        iam.delete_role(RoleName="r")
    iam.detach_role_policy(RoleName="r", PolicyArn=POLICY_ARN)
    assert iam.list_instance_profiles_for_role(RoleName="r")["InstanceProfiles"] == []
    before = iam.get_role(RoleName="r")["Role"]["RoleId"]
    iam.delete_role(RoleName="r")
    with pytest.raises(iam.exceptions.NoSuchEntityException, match="'r'"):
        iam.get_role(RoleName="r")
    again = iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]
    assert again["RoleId"] != before


def test_roles_are_listed_by_page(iam: Any) -> None:
    names = [f"r{number}" for number in range(5)]
    for name in reversed(names):
        path = "/odd/" if int(name[1:]) % 2 else "/"
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, Path=path)

    def listed(**wanted: Any) -> list[list[str]]:
        pages = iam.get_paginator("list_roles").paginate(**wanted)
        return [[role["RoleName"] for role in page["Roles"]] for page in pages]

    assert listed() == [[*names, "tandem"]]
    pages = listed(PaginationConfig={"PageSize": 2})
    assert pages == [["r0", "r1"], ["r2", "r3"], ["r4", "tandem"]]
    odd = listed(PathPrefix="/odd/", PaginationConfig={"PageSize": 1})
    assert odd == [["r1"], ["r3"]]


def test_a_listing_of_roles_goes_on_where_roles_come_and_go(iam: Any) -> None:
    for name in ("a", "b", "c"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    page = iam.list_roles(MaxItems=2)
    assert page["IsTruncated"]
    iam.delete_role(RoleName="b")
    iam.create_role(RoleName="aa", AssumeRolePolicyDocument=TRUST)
    rest = iam.list_roles(MaxItems=2, Marker=page["Marker"])
    assert [role["RoleName"] for role in rest["Roles"]] == ["c", "tandem"]
    assert (rest["IsTruncated"], rest.get("Marker")) == (False, None)


def test_what_a_role_has_is_listed_by_page(iam: Any) -> None:
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    for name in ("a", "b", "c"):
        iam.put_role_policy(RoleName="r", PolicyName=name, PolicyDocument=ACCESS)
        iam.attach_role_policy(RoleName="r", PolicyArn=f"arn:aws:iam::aws:policy/{'x' * 99}{name}")
        iam.tag_role(RoleName="r", Tags=[{"Key": f"é{name}" * 40, "Value": ""}])

    def sizes(operation: str, member: str) -> list[int]:
        pages = iam.get_paginator(operation).paginate(
            RoleName="r", PaginationConfig={"PageSize": 2}
        )
        return [len(page[member]) for page in pages]

    assert sizes("list_role_policies", "PolicyNames") == [2, 1]
    assert sizes("list_attached_role_policies", "AttachedPolicies") == [2, 1]
    assert sizes("list_role_tags", "Tags") == [2, 1]
    marker = iam.list_role_policies(RoleName="r", MaxItems=1)["Marker"]
    iam.delete_role_policy(RoleName="r", PolicyName="b")
    with pytest.raises(iam.exceptions.ClientError, match=r"Marker .* is not valid"):
        iam.list_role_policies(RoleName="r", Marker=marker)


def test_the_callers_role_is_always_there(bench: Bench, iam: Any) -> None:
    arn = bench.send(STS, "GetCallerIdentity").parsed["Arn"]
    assert arn == "arn:aws:sts::123456789012:assumed-role/tandem/session"
    role = iam.get_role(RoleName="tandem")["Role"]
    assert role["Arn"] == "arn:aws:iam::123456789012:role/tandem"
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    user_id = bench.send(STS, "GetCallerIdentity").parsed["UserId"]
    assert user_id == f"{role['RoleId']}:session"
    for name in ("tandem", "Tandem"):
        with pytest.raises(iam.exceptions.EntityAlreadyExistsException, match=name):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)


@pytest.mark.parametrize("operation", CHANGES)
def test_the_callers_role_stays_as_it_is(roles: Bench, operation: str) -> None:
    before = roles.send(IAM, "GetRole", RoleName="tandem").parsed["Role"]
    answer = roles.send(IAM, operation, **{**VALID[operation], "RoleName": "tandem"})
    assert (answer.status, answer.code) == (400, "UnmodifiableEntity")
    assert "'tandem'" in answer.message
    assert roles.send(IAM, "GetRole", RoleName="tandem").parsed["Role"] == before


@pytest.mark.parametrize("operation", OF_ONE_ROLE)
@pytest.mark.parametrize("name", ["nobody", ROLE_NAME.upper()])
def test_a_role_that_is_not_there(roles: Bench, operation: str, name: str) -> None:
    answer = roles.send(IAM, operation, **{**VALID[operation], "RoleName": name})
    assert (answer.status, answer.code) == (404, "NoSuchEntity"), answer.parsed
    assert repr(name) in answer.message


@pytest.mark.parametrize("operation", ["GetRolePolicy", "DeleteRolePolicy"])
def test_a_policy_that_is_not_there(roles: Bench, operation: str) -> None:
    answer = roles.send(IAM, operation, **ROLE, PolicyName="none")
    assert (answer.status, answer.code) == (404, "NoSuchEntity")
    assert "'none'" in answer.message


@pytest.mark.parametrize("name", [ROLE_NAME, ROLE_NAME.upper()])
def test_a_name_that_is_taken(roles: Bench, name: str) -> None:
    before = roles.registry.documents("role")
    answer = roles.send(IAM, "CreateRole", RoleName=name, AssumeRolePolicyDocument=TRUST)
    assert (answer.status, answer.code) == (409, "EntityAlreadyExists")
    assert repr(name) in answer.message
    assert roles.registry.documents("role") == before


NEW = VALID["CreateRole"]
BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "a name with a space": ("CreateRole", {**NEW, "RoleName": "a b"}, "'a b'"),
    "a name in another script": ("CreateRole", {**NEW, "RoleName": "größe"}, "'größe'"),
    "a name with a line break": ("GetRole", {"RoleName": "a\n"}, "RoleName"),
    "no name": ("GetRole", {"RoleName": ""}, "RoleName ''"),
    "a path that does not begin": ("CreateRole", {**NEW, "Path": "a/"}, "Path 'a/'"),
    "a path that does not end": ("CreateRole", {**NEW, "Path": "/a"}, "Path '/a'"),
    "a path with a space": ("CreateRole", {**NEW, "Path": "/a b/"}, "Path '/a b/'"),
    "an empty path": ("CreateRole", {**NEW, "Path": ""}, "Path ''"),
    "a description out of Latin-1": ("CreateRole", {**NEW, "Description": "“"}, "Description '“'"),
    "a policy out of Latin-1": (
        "PutRolePolicy",
        {**VALID["PutRolePolicy"], "PolicyDocument": '{"Sid":"“"}'},
        "PolicyDocument",
    ),
    "a policy's name with a slash": (
        "PutRolePolicy",
        {**VALID["PutRolePolicy"], "PolicyName": "a/b"},
        "PolicyName 'a/b'",
    ),
    "no ARN of a policy": ("AttachRolePolicy", {**ROLE, "PolicyArn": "a" * 30}, "PolicyArn 'aaa"),
    "the ARN of a role": (
        "AttachRolePolicy",
        {**ROLE, "PolicyArn": "arn:aws:iam::123456789012:role/r"},
        "PolicyArn 'arn:aws:iam::123456789012:role/r'",
    ),
    "a boundary that is no ARN": (
        "PutRolePermissionsBoundary",
        {**ROLE, "PermissionsBoundary": "b" * 30},
        "PermissionsBoundary 'bbb",
    ),
    "a tag twice": ("TagRole", {**ROLE, "Tags": [{"Key": "a", "Value": ""}] * 2}, "'a' is given"),
    "a reserved tag": ("TagRole", {**ROLE, "Tags": [{"Key": "aws:a", "Value": ""}]}, "aws:a"),
    "a tag with a strange sign": ("TagRole", {**ROLE, "Tags": [{"Key": "a#", "Value": ""}]}, "#"),
    "a prefix without a slash": ("ListRoles", {"PathPrefix": "a"}, "PathPrefix 'a'"),
    "a forged marker": ("ListRoles", {"Marker": "forged"}, "Marker 'forged'"),
    "a forged marker in a role": ("ListRoleTags", {**ROLE, "Marker": "forged"}, "Marker 'forged'"),
    "a forged marker of profiles": (
        "ListInstanceProfilesForRole",
        {**ROLE, "Marker": "forged"},
        "Marker 'forged'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(roles: Bench, case: str) -> None:
    operation, params, said = BAD[case]
    before = roles.registry.documents("role")
    answer = roles.send(IAM, operation, **params)
    assert (answer.status, answer.code) == (400, "ValidationError"), answer.parsed
    assert said in answer.message
    assert roles.registry.documents("role") == before


def test_policies_that_are_too_many(roles: Bench) -> None:
    long = json.dumps(
        {"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:" + "x" * 9_896}}
    )
    call(roles, "PutRolePolicy", **ROLE, PolicyName="spaced", PolicyDocument=ACCESS + " " * 20_000)
    call(roles, "PutRolePolicy", **ROLE, PolicyName="long", PolicyDocument=long)
    answer = roles.send(IAM, "PutRolePolicy", **ROLE, PolicyName="more", PolicyDocument=long)
    assert (answer.status, answer.code) == (409, "LimitExceeded")
    assert "10240 are allowed" in answer.message
    arn = "arn:aws:iam::123456789012:policy/p"
    for number in range(24):
        call(roles, "AttachRolePolicy", **ROLE, PolicyArn=f"{arn}{number}")
    answer = roles.send(IAM, "AttachRolePolicy", **ROLE, PolicyArn=f"{arn}24")
    assert (answer.status, answer.code) == (409, "LimitExceeded")
    assert "25 may be attached" in answer.message


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (b"MaxSessionDuration=long", "MaxSessionDuration"),
        (b"MaxSessionDuration=3600.5", "MaxSessionDuration"),
        (b"MaxSessionDuration=", "MaxSessionDuration"),
        (b"MaxSessionDuration.a=3600", "MaxSessionDuration"),
        (b"Description.member.1=x", "Description"),
        (b"Tags=x", "Tags"),
        (b"Tags.member=x", "Tags"),
        (b"Tags.1.Key=a", "Tags"),
        (b"Tags.member.1=x", "Tags"),
        (b"Tags.member.0.Key=a&Tags.member.0.Value=b", "Tags.member.0"),
        (b"Tags.member.x.Key=a", "Tags.member.x"),
        (b"Tags.member.99999.Key=a", "Tags.member.99999"),
        (b"Tags=&Tags.member.1.Key=a", "Tags.member.1.Key"),
        (b"Tags.member.1.Key=a&Tags=", "Tags"),
        (b"Tags.member.1.Key.member.1=a&Tags.member.1.Value=b", "Key"),
        (b"." * 100 + b"=x", "nested too deep"),
    ],
)
def test_a_form_that_cannot_be_read(roles: Bench, form: bytes, said: str) -> None:
    before = roles.registry.documents("role")
    body = b"Action=CreateRole&RoleName=n&AssumeRolePolicyDocument=x&" + form
    answer = roles.raw("POST", b"/", headers=FORM, body=body)
    assert (answer.status, b"<Code>MalformedInput</Code>" in answer.body) == (400, True), answer
    assert said.encode() in answer.body
    assert roles.registry.documents("role") == before


def test_a_form_in_another_order_means_the_same(roles: Bench) -> None:
    form = b"&".join(
        [
            b"Tags.member.10.Value=last",
            b"Tags.member.2.Key=first",
            b"Other.member.1=x",
            b"Tags.member.10.Key=b",
            b"Tags.member.2.Value=",
            b"RoleName=" + ROLE_NAME.encode(),
            b"Version=2010-05-08",
            b"Action=TagRole",
        ]
    )
    assert roles.raw("POST", b"/", headers=FORM, body=form).status == 200
    assert call(roles, "ListRoleTags", **ROLE)["Tags"] == [
        {"Key": "first", "Value": ""},
        {"Key": "b", "Value": "last"},
    ]

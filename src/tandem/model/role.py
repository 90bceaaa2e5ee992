"""An IAM role: a name with policies, which Terraform's files bring along and the SDK looks up.

Roles are kept and given back. Nothing is granted or refused by them: whoever reaches the store may
do everything. So a policy's text is stored as it came. Pure checks; each raises ValidationError, or
ResourceLimitExceeded, that names the member and the value.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tandem.errors import ResourceLimitExceeded, ValidationError
from tandem.model import limits
from tandem.model.labels import check_tag_key, check_tags

_NAME = re.compile(r"[\w+=,.@-]+", re.ASCII)
_PATH = re.compile(r"/|/[!-~]+/")
_DESCRIPTION = re.compile(r"[\t\n\r -~\u00a1-\u00ff]*")
_POLICY = re.compile(r"[\t\n\r -\u00ff]+")
_POLICY_ARN = re.compile(r"arn:aws[a-z-]*:iam::(?:aws|[0-9]{12}):policy(/[!-~]+)", re.ASCII)
_ROLE_ARN = re.compile(
    r"arn:aws[a-z-]*:iam::([0-9]{12}):role(/(?:[!-~]*/)?)([\w+=,.@-]+)", re.ASCII
)
_ARN_LENGTH_MIN = 20
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, kw_only=True)
class NewRole:
    """A role as a caller gives it.

    trust_policy          who may take the role on, as the text of a policy
    permissions_boundary  the ARN of the policy that bounds the role
    """

    name: str
    trust_policy: str
    path: str = "/"
    description: str | None = None
    session_seconds_max: int = limits.ROLE_SESSION_SECONDS_MIN
    permissions_boundary: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Role(NewRole):
    """A role that exists.

    role_id    unlike the name, never used twice
    policies   the inline ones, text by name
    attached   the ARNs of managed policies, in the order in which they came
    """

    role_id: str
    created_at_us: int
    policies: Mapping[str, str] = field(default_factory=dict)
    attached: tuple[str, ...] = ()


def check_role(role: NewRole) -> None:
    """All rules for one role but those for the content of its policies."""
    check_role_name(role.name)
    if len(role.path) > limits.ROLE_PATH_LENGTH_MAX or not _PATH.fullmatch(role.path):
        raise ValidationError(
            f"Path {role.path[:64]!r} is not valid: it begins and ends with '/', has printable"
            f" ASCII characters between, and at most {limits.ROLE_PATH_LENGTH_MAX} in all"
        )
    description = role.description or ""
    if len(description) > limits.ROLE_DESCRIPTION_LENGTH_MAX:
        raise ValidationError(
            f"Description has {len(description)} characters;"
            f" {limits.ROLE_DESCRIPTION_LENGTH_MAX} are allowed"
        )
    if not _DESCRIPTION.fullmatch(description):
        raise ValidationError(
            f"Description {description[:64]!r} is not valid: write characters of Latin-1 only"
        )
    _check_session(role.session_seconds_max)
    if role.permissions_boundary is not None:
        policy_name(role.permissions_boundary, "PermissionsBoundary")
    if len(role.tags) > limits.TAGS_PER_ROLE_MAX:
        raise ResourceLimitExceeded(
            f"Tags: role {role.name!r} would have {len(role.tags)};"
            f" {limits.TAGS_PER_ROLE_MAX} are allowed"
        )
    check_tags(role.tags.items())


def account_and_name(role_arn: str) -> tuple[str, str]:
    """The account and the name in a role's ARN."""
    found = _ROLE_ARN.fullmatch(role_arn)
    if found is None:
        raise ValidationError(
            f"RoleArn {role_arn[:128]!r} is not valid: write arn:aws:iam::ACCOUNT:role/NAME"
        )
    return found[1], found[3]


def check_session_name(member: str, name: str) -> None:
    if not 2 <= len(name) <= limits.ROLE_NAME_LENGTH_MAX or not _NAME.fullmatch(name):
        raise ValidationError(
            f"{member} {name[:80]!r} is not valid: 2 to {limits.ROLE_NAME_LENGTH_MAX} letters,"
            " digits and characters of _+=,.@-"
        )


def check_role_name(name: str) -> None:
    if len(name) > limits.ROLE_NAME_LENGTH_MAX or not _NAME.fullmatch(name):
        raise ValidationError(
            f"RoleName {name[:80]!r} is not valid: 1 to {limits.ROLE_NAME_LENGTH_MAX} letters,"
            " digits and characters of _+=,.@-"
        )


def check_policy_name(name: str) -> None:
    if len(name) > limits.POLICY_NAME_LENGTH_MAX or not _NAME.fullmatch(name):
        raise ValidationError(
            f"PolicyName {name[:160]!r} is not valid: 1 to {limits.POLICY_NAME_LENGTH_MAX} letters,"
            " digits and characters of _+=,.@-"
        )


def check_policy_text(member: str, text: str) -> None:
    """`member` is what the request calls the policy."""
    if not 1 <= len(text) <= limits.POLICY_LENGTH_MAX:
        raise ValidationError(
            f"{member} has {len(text)} characters; 1 to {limits.POLICY_LENGTH_MAX} are allowed"
        )
    if not _POLICY.fullmatch(text):
        raise ValidationError(
            f"{member} {text[:64]!r} is not valid: Latin-1 only, no control signs"
        )


def check_inline_policies(role: Role) -> None:
    """IAM counts the characters of all inline policies together, but for white space."""
    length = sum(len(_SPACE.sub("", text)) for text in role.policies.values())
    if length > limits.ROLE_INLINE_POLICIES_LENGTH_MAX:
        raise ResourceLimitExceeded(
            f"the inline policies of role {role.name!r} would have {length} characters;"
            f" {limits.ROLE_INLINE_POLICIES_LENGTH_MAX} are allowed"
        )


def check_attached_policies(role: Role) -> None:
    if len(role.attached) > limits.POLICIES_ATTACHED_TO_ROLE_MAX:
        raise ResourceLimitExceeded(
            f"role {role.name!r} would have {len(role.attached)} managed policies;"
            f" {limits.POLICIES_ATTACHED_TO_ROLE_MAX} may be attached"
        )


def check_tag_keys(keys: Sequence[str]) -> None:
    for key in keys:
        check_tag_key(key)


def policy_name(arn: str, member: str = "PolicyArn") -> str:
    """The name in a managed policy's ARN. Raises ValidationError where it is not one."""
    return _policy_path_and_name(arn, member)[1]


def policy_path(arn: str) -> str:
    """The path in a managed policy's ARN, from its first slash to its last."""
    return _policy_path_and_name(arn, "PolicyArn")[0]


def _policy_path_and_name(arn: str, member: str) -> tuple[str, str]:
    found = _POLICY_ARN.fullmatch(arn)
    if found is None or not _ARN_LENGTH_MIN <= len(arn) <= limits.POLICY_ARN_LENGTH_MAX:
        raise ValidationError(
            f"{member} {arn[:80]!r} is not the ARN of a policy: write arn:aws:iam::aws:policy/NAME"
            f" or arn:aws:iam::ACCOUNT:policy/NAME, at most {limits.POLICY_ARN_LENGTH_MAX}"
            " characters"
        )
    path, _, name = found[1].rpartition("/")
    check_policy_name(name)
    return f"{path}/", name


def _check_session(seconds: int) -> None:
    low, high = limits.ROLE_SESSION_SECONDS_MIN, limits.ROLE_SESSION_SECONDS_MAX
    if not low <= seconds <= high:
        raise ValidationError(
            f"MaxSessionDuration {seconds} is not valid: {low} to {high} seconds are allowed"
        )

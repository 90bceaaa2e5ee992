"""ARNs of feature groups: how they are written, and which group a name or an ARN means."""

import re
from functools import lru_cache

from tandem.errors import ResourceNotFound, ValidationError
from tandem.service.placement import Account

_LENGTH_MAX = 150
_NAMES_MAX = 4_096
"""Requests name the same groups again and again."""
_NAME_OR_ARN = re.compile(
    r"(arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:[0-9]{12}:feature-group/)?"
    r"((?=.{1,64}\Z)[a-zA-Z0-9](?:[-_]*[a-zA-Z0-9])*)",
    re.ASCII,
)


def feature_group_arn(name: str, account: Account) -> str:
    return f"{_prefix(account)}{name}"


@lru_cache(_NAMES_MAX)
def feature_group_name(text: str, account: Account, member: str = "FeatureGroupName") -> str:
    """The name of the group that `text`, a name or an ARN, means. `member` of the request holds it.

    Raises ValidationError where it is neither, and ResourceNotFound for an ARN of another account
    or region: no such group is here, though one of the same name may be.
    """
    found = _NAME_OR_ARN.fullmatch(text) if len(text) <= _LENGTH_MAX else None
    if found is None:
        raise ValidationError(
            f"1 validation error detected: Value {text[:_LENGTH_MAX]!r} at {member!r} failed to"
            " satisfy constraint: Member must be the name or the ARN of a feature group"
        )
    prefix, name = found.groups()
    if prefix is not None and prefix != _prefix(account):
        raise ResourceNotFound(
            f"Resource Not Found: the feature group {text!r} is not of account"
            f" {account.account_id} in {account.region}, which are served here"
        )
    return name


def feature_group_name_of_arn(arn: str, account: Account) -> str:
    """The name of the group that has this ARN. Raises as `feature_group_name` does."""
    if not arn.startswith("arn:"):
        raise ValidationError(
            f"ResourceArn {arn[:64]!r} is not an ARN: write {_prefix(account)}NAME"
        )
    if ":sagemaker:" in arn and ":feature-group/" not in arn:
        raise ResourceNotFound(
            f"Resource Not Found: {arn[:256]!r} is not the ARN of a feature group; other resources"
            " are not served here"
        )
    return feature_group_name(arn, account, "ResourceArn")


def _prefix(account: Account) -> str:
    return f"arn:aws:sagemaker:{account.region}:{account.account_id}:feature-group/"

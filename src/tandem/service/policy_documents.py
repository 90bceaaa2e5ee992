"""The texts of IAM's policies: whether one is a policy at all.

That means JSON with statements that allow or deny. In a role's trust policy they name a principal,
who may take the role on; in a policy of the role they do not, since there the role is the one that
may act. What the actions and resources mean is nobody's concern here.
"""

import json
from collections.abc import Mapping
from typing import Any

from tandem.errors import MalformedPolicyDocument
from tandem.model.role import check_policy_text

_PRINCIPALS = frozenset({"Principal", "NotPrincipal"})
_VERSIONS = ("2012-10-17", "2008-10-17")


def check_trust_policy(member: str, text: str) -> None:
    """Raises ValidationError, and MalformedPolicyDocument that names `member`."""
    for statement in _statements(member, text):
        if not _PRINCIPALS & statement.keys():
            raise MalformedPolicyDocument(
                f"{member}: a statement of a trust policy names no Principal: {_start(statement)}"
            )


def check_role_policy(member: str, text: str) -> None:
    """Raises ValidationError, and MalformedPolicyDocument that names `member`."""
    for statement in _statements(member, text):
        if found := sorted(_PRINCIPALS & statement.keys()):
            raise MalformedPolicyDocument(
                f"{member}: a statement of a role's own policy must not have a {found[0]}:"
                f" {_start(statement)}"
            )


def _statements(member: str, text: str) -> list[Mapping[str, Any]]:
    check_policy_text(member, text)
    try:
        policy = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedPolicyDocument(f"{member} is not JSON that can be read: {error}") from None
    if not isinstance(policy, dict):
        raise MalformedPolicyDocument(f"{member} is not a JSON object: {_start(policy)}")
    if policy.get("Version", _VERSIONS[0]) not in _VERSIONS:
        raise MalformedPolicyDocument(
            f"{member} has Version {_start(policy['Version'])}: write {_VERSIONS[0]!r}"
        )
    found = policy.get("Statement")
    statements = [found] if isinstance(found, dict) else found
    if not isinstance(statements, list) or not statements:
        raise MalformedPolicyDocument(f"{member} has no Statement: {_start(policy)}")
    for statement in statements:
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            raise MalformedPolicyDocument(
                f"{member} has a statement whose Effect is neither 'Allow' nor 'Deny':"
                f" {_start(statement)}"
            )
    return statements


def _start(value: Any) -> str:
    return json.dumps(value)[:64]

"""The texts of IAM's policies: whether one is a policy as IAM's grammar has it.

    policy      Version, Id, Statement: one statement or several
    statement   Sid, Effect, and either Action or NotAction, maybe Condition; besides
                in a role's trust policy   Principal or NotPrincipal: who may take the role on
                in a role's own policy     Resource or NotResource: what it may act on

Names and the words of Effect count with their case, and there are no others. What an action or a
resource means is nobody's concern here.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from tandem.errors import MalformedPolicyDocument
from tandem.model.role import check_policy_text

_VERSIONS = ("2012-10-17", "2008-10-17")
_POLICY = ("Version", "Id", "Statement")
_STATEMENT = ("Sid", "Effect", "Action", "NotAction", "Condition")
_PRINCIPALS = ("Principal", "NotPrincipal")
_RESOURCES = ("Resource", "NotResource")
_SID = re.compile(r"[A-Za-z0-9]*", re.ASCII)
_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+", re.ASCII)
_STS_ACTION = re.compile(r"sts:[A-Za-z0-9*?]+", re.ASCII | re.IGNORECASE)
_RESOURCE = re.compile(r"\*|arn:.*", re.DOTALL)
_PRINCIPAL_KINDS: Mapping[str, re.Pattern[str]] = {
    "AWS": re.compile(
        r"\*|[0-9]{12}|arn:aws[a-z-]*:(?:iam|sts)::[0-9]{12}:.+|A[A-Z0-9]{15,}", re.ASCII
    ),
    "Service": re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.ASCII),
    "Federated": re.compile(r".+", re.DOTALL),
    "CanonicalUser": re.compile(r"[0-9a-f]{64}", re.ASCII),
}

Refuse = Callable[[str], MalformedPolicyDocument]
"""The error that says what is wrong, with the document's name and the start of the statement."""


def check_trust_policy(member: str, text: str) -> None:
    """Raises ValidationError, and MalformedPolicyDocument that names `member`."""
    for statement, refuse in _statements(member, text, "trust policy", _PRINCIPALS):
        name = _one_of(statement, _PRINCIPALS, refuse)
        _check_principals(name, statement[name], refuse)
        _check_texts(statement, ("Action", "NotAction"), _STS_ACTION, "an action of STS", refuse)


def check_role_policy(member: str, text: str) -> None:
    """Raises ValidationError, and MalformedPolicyDocument that names `member`."""
    for statement, refuse in _statements(member, text, "role's own policy", _RESOURCES):
        _one_of(statement, _RESOURCES, refuse)
        _check_texts(statement, _RESOURCES, _RESOURCE, "an ARN or '*'", refuse)
        _check_texts(statement, ("Action", "NotAction"), _ACTION, "SERVICE:ACTION or '*'", refuse)


def _statements(
    member: str, text: str, kind: str, more: Collection[str]
) -> list[tuple[Mapping[str, Any], Refuse]]:
    """The statements of a `kind` of policy, checked as far as all kinds are alike; `more` are the
    members that statements of this kind have besides.
    """
    sids: set[str] = set()
    found: list[tuple[Mapping[str, Any], Refuse]] = []
    for statement in _listed_statements(member, text):

        def refuse(why: str, statement: Any = statement) -> MalformedPolicyDocument:
            return MalformedPolicyDocument(f"{member}: a statement {why}: {_start(statement)}")

        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            raise MalformedPolicyDocument(
                f"{member} has a statement whose Effect is neither 'Allow' nor 'Deny':"
                f" {_start(statement)}"
            )
        for name in statement:
            if name not in _STATEMENT and name not in more:
                known = ", ".join((*_STATEMENT, *more))
                raise refuse(f"of a {kind} must not have a {name[:64]}, only {known}")
        _one_of(statement, ("Action", "NotAction"), refuse)
        _check_sid(statement.get("Sid", ""), sids, refuse)
        _check_condition(statement.get("Condition", {}), refuse)
        found.append((statement, refuse))
    return found


def _listed_statements(member: str, text: str) -> list[Any]:
    check_policy_text(member, text)
    try:
        policy = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedPolicyDocument(f"{member} is not JSON that can be read: {error}") from None
    if not isinstance(policy, dict):
        raise MalformedPolicyDocument(f"{member} is not a JSON object: {_start(policy)}")
    if unknown := [name for name in policy if name not in _POLICY]:
        raise MalformedPolicyDocument(
            f"{member} has a member {unknown[0][:64]!r}: a policy has {', '.join(_POLICY)} alone"
        )
    if policy.get("Version", _VERSIONS[0]) not in _VERSIONS:
        raise MalformedPolicyDocument(
            f"{member} has Version {_start(policy['Version'])}: write {_VERSIONS[0]!r}"
        )
    if not isinstance(policy.get("Id", ""), str):
        raise MalformedPolicyDocument(f"{member} has Id {_start(policy['Id'])}, which is no text")
    found = policy.get("Statement")
    statements = [found] if isinstance(found, dict) else found
    if not isinstance(statements, list) or not statements:
        raise MalformedPolicyDocument(f"{member} has no Statement: {_start(policy)}")
    return statements


def _no_constant(name: str) -> None:
    raise ValueError(f"JSON has no {name}")


def _one_of(statement: Mapping[str, Any], names: Collection[str], refuse: Refuse) -> str:
    """The one of two members that a statement has, which must not have both or neither."""
    found = [name for name in names if name in statement]
    if not found:
        raise refuse(f"names no {' and no '.join(names)}")
    if len(found) > 1:
        raise refuse(f"has both {' and '.join(found)}: choose one")
    return found[0]


def _check_texts(
    statement: Mapping[str, Any],
    names: Collection[str],
    form: re.Pattern[str],
    described: str,
    refuse: Refuse,
) -> None:
    for name in names:
        if name in statement:
            for text in _texts(name, statement[name], refuse):
                if not form.fullmatch(text):
                    raise refuse(f"has {name} {text[:64]!r}, which is not {described}")


def _texts(name: str, value: Any, refuse: Refuse) -> list[str]:
    """One text or a list of at least one."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(one, str) for one in texts):
        raise refuse(f"has {name} {_start(value)}, which is neither a text nor a list of texts")
    return texts


def _check_principals(name: str, value: Any, refuse: Refuse) -> None:
    if value == "*":
        return
    if not isinstance(value, dict) or not value:
        raise refuse(f"has {name} {_start(value)}: write '*' or an object that names somebody")
    for kind, named in value.items():
        form = _PRINCIPAL_KINDS.get(kind)
        if form is None:
            kinds = ", ".join(_PRINCIPAL_KINDS)
            raise refuse(f"has a {name} of the kind {kind[:64]!r}: use one of {kinds}")
        for text in _texts(f"{name}.{kind}", named, refuse):
            if not form.fullmatch(text):
                raise refuse(f"has an invalid {name}: {kind} {text[:64]!r}")


def _check_sid(sid: Any, taken: set[str], refuse: Refuse) -> None:
    if not isinstance(sid, str) or not _SID.fullmatch(sid):
        raise refuse(f"has Sid {_start(sid)}: write letters and digits")
    if sid and sid in taken:
        raise refuse(f"has Sid {sid[:64]!r}, which another has already")
    taken.add(sid)


def _check_condition(condition: Any, refuse: Refuse) -> None:
    """Operators, each with the keys that it compares and their values."""
    if not isinstance(condition, dict) or not all(isinstance(c, dict) for c in condition.values()):
        raise refuse(f"has Condition {_start(condition)}: write an object of operators")


def _start(value: Any) -> str:
    return json.dumps(value)[:64]

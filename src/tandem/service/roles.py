"""IAM roles: create, find, change, delete, with their policies and tags.

They are documents of the registry, one a role, changed by compare-and-set. The role `tandem` is
part of every store, because callers of this server are said to have it; it cannot be changed.
"""

import base64
import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec

from tandem.errors import (
    ConflictError,
    DataCorrupted,
    DeleteConflict,
    ResourceInUse,
    ResourceNotFound,
    UnmodifiableEntity,
)
from tandem.model.role import (
    NewRole,
    Role,
    check_attached_policies,
    check_inline_policies,
    check_policy_name,
    check_role,
    check_role_name,
    check_tag_keys,
    policy_name,
)
from tandem.registry.base import DocumentRegistry
from tandem.service.clock import Clock
from tandem.service.compare_and_set import compare_and_set
from tandem.service.policy_documents import check_role_policy, check_trust_policy

_KIND = "role"
_ID_PREFIX = "AROA"  # what AWS puts before the ids of roles
_ID_BYTES = 10  # 16 characters in base 32
_decoder = msgspec.json.Decoder(Role)

BUILT_IN_ROLE = Role(
    name="tandem",
    role_id="AROATANDEMTANDEMTANDE",
    created_at_us=0,
    description="The role that every caller of this store has",
    trust_policy=json.dumps(
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
    ),
)


class Roles:
    """All raise ValidationError, ResourceNotFound for a role that is not there, UnmodifiableEntity
    for a change of the built-in one, and ConflictError where others change a role all the time.
    """

    def __init__(self, registry: DocumentRegistry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock

    def create(self, new: NewRole) -> Role:
        """Raises ResourceInUse where a role has this name, in whatever case."""
        check_role(new)
        check_trust_policy("AssumeRolePolicyDocument", new.trust_policy)
        role = Role(**vars(new), role_id=_new_id(), created_at_us=self._clock())
        if _key(new.name) == _key(BUILT_IN_ROLE.name):
            raise _name_is_taken(new.name)
        try:
            self._registry.put_document(_KIND, _key(role.name), _encoded(role), 0)
        except ConflictError:
            raise _name_is_taken(new.name) from None
        return role

    def get(self, name: str) -> Role:
        return self._stored(name)[0]

    def all(self, path_prefix: str = "/") -> Sequence[Role]:
        """The roles whose path begins with `path_prefix`, the built-in one included, by name."""
        stored = [
            _decoded(name, document.content)
            for name, document in self._registry.documents(_KIND).items()
        ]
        found = [role for role in (BUILT_IN_ROLE, *stored) if role.path.startswith(path_prefix)]
        return sorted(found, key=lambda role: role.name)

    def update(self, name: str, description: str | None, session_seconds_max: int | None) -> Role:
        """Changes what is given; None leaves a thing as it is."""

        def rule(role: Role) -> Role:
            seconds = session_seconds_max or role.session_seconds_max
            text = role.description if description is None else description
            return replace(role, description=text, session_seconds_max=seconds)

        return self._change(name, rule)

    def set_trust_policy(self, name: str, document: str) -> None:
        check_trust_policy("PolicyDocument", document)
        self._change(name, lambda role: replace(role, trust_policy=document))

    def set_permissions_boundary(self, name: str, arn: str | None) -> None:
        self._change(name, lambda role: replace(role, permissions_boundary=arn))

    def put_policy(self, name: str, policy: str, document: str) -> None:
        """Sets an inline policy. Raises ResourceLimitExceeded where all together are too long."""
        check_policy_name(policy)
        check_role_policy("PolicyDocument", document)

        def rule(role: Role) -> Role:
            return replace(role, policies={**role.policies, policy: document})

        self._change(name, rule)

    def policy(self, name: str, policy: str) -> str:
        """The text of an inline policy. Raises ResourceNotFound where the role has none such."""
        check_policy_name(policy)
        role = self.get(name)
        if policy not in role.policies:
            raise _no_policy(role, policy)
        return role.policies[policy]

    def remove_policy(self, name: str, policy: str) -> None:
        """Raises ResourceNotFound where the role has no such inline policy."""
        check_policy_name(policy)

        def rule(role: Role) -> Role:
            if policy not in role.policies:
                raise _no_policy(role, policy)
            rest = {key: text for key, text in role.policies.items() if key != policy}
            return replace(role, policies=rest)

        self._change(name, rule)

    def attach(self, name: str, arn: str) -> None:
        """Attaches a managed policy, which need not exist; one that is attached already stays."""
        policy_name(arn)

        def rule(role: Role) -> Role:
            if arn in role.attached:
                return role
            return replace(role, attached=(*role.attached, arn))

        self._change(name, rule)

    def detach(self, name: str, arn: str) -> None:
        """Raises ResourceNotFound where the policy is not attached."""
        policy_name(arn)

        def rule(role: Role) -> Role:
            if arn not in role.attached:
                raise ResourceNotFound(f"policy {arn!r} is not attached to role {role.name!r}")
            return replace(role, attached=tuple(one for one in role.attached if one != arn))

        self._change(name, rule)

    def tag(self, name: str, tags: Mapping[str, str]) -> None:
        """Raises ResourceLimitExceeded where the role would have too many."""
        self._change(name, lambda role: replace(role, tags={**role.tags, **tags}))

    def untag(self, name: str, keys: Iterable[str]) -> None:
        """Removes tags; keys that the role does not have are passed over."""
        removed = list(keys)
        check_tag_keys(removed)

        def rule(role: Role) -> Role:
            rest = {key: value for key, value in role.tags.items() if key not in removed}
            return replace(role, tags=rest)

        self._change(name, rule)

    def delete(self, name: str) -> None:
        """Raises DeleteConflict while the role has policies, inline or attached."""

        def rule(stored: tuple[Role, int]) -> None:
            role, _ = stored
            if role.policies or role.attached:
                left = [*role.policies, *role.attached]
                raise DeleteConflict(
                    f"role {role.name!r} still has the policies {left}: delete or detach them first"
                )

        compare_and_set(
            f"role {name!r}",
            lambda: self._changeable(name),
            rule,
            lambda stored, _: self._registry.remove_document(_KIND, _key(name), stored[1]),
        )

    def _change(self, name: str, rule: Callable[[Role], Role]) -> Role:
        def checked(stored: tuple[Role, int]) -> Role:
            changed = rule(stored[0])
            check_role(changed)
            check_inline_policies(changed)
            check_attached_policies(changed)
            return changed

        def write(stored: tuple[Role, int], changed: Role) -> None:
            self._registry.put_document(_KIND, _key(name), _encoded(changed), stored[1])

        return compare_and_set(f"role {name!r}", lambda: self._changeable(name), checked, write)

    def _changeable(self, name: str) -> tuple[Role, int]:
        role, revision = self._stored(name)
        if role is BUILT_IN_ROLE:
            raise UnmodifiableEntity(
                f"role {name!r} is part of every store and cannot be changed: create another role"
            )
        return role, revision

    def _stored(self, name: str) -> tuple[Role, int]:
        check_role_name(name)
        if name == BUILT_IN_ROLE.name:
            return BUILT_IN_ROLE, 0
        document = self._registry.document(_KIND, _key(name))
        role = None if document is None else _decoded(name, document.content)
        if document is None or role is None or role.name != name:
            raise ResourceNotFound(f"there is no role with the name {name!r}")
        return role, document.revision


def _key(name: str) -> str:
    """Two roles may not differ by case alone, though each is found by its exact name only."""
    return name.lower()


def _new_id() -> str:
    return f"{_ID_PREFIX}{base64.b32encode(secrets.token_bytes(_ID_BYTES)).decode()}"


def _encoded(role: Role) -> str:
    return msgspec.json.encode(role).decode()


def _decoded(name: str, content: str) -> Role:
    try:
        return _decoder.decode(content)
    except msgspec.MsgspecError as error:
        raise DataCorrupted(
            f"the registry holds a role {name!r} that cannot be read ({error});"
            " restore the registry from a backup"
        ) from error


def _name_is_taken(name: str) -> ResourceInUse:
    return ResourceInUse(f"a role with the name {name!r} already exists: choose a different name")


def _no_policy(role: Role, policy: str) -> ResourceNotFound:
    return ResourceNotFound(f"role {role.name!r} has no inline policy with the name {policy!r}")

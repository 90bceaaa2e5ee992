"""Work groups: where results go and what queries may cost, by a name that queries give.

`primary` always exists. They are documents of the registry, changed by compare-and-set.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tandem.errors import ConflictError, ResourceNotFound, ValidationError
from tandem.model.query_execution import NOWHERE, ResultPlace
from tandem.registry.base import DocumentRegistry
from tandem.service.athena.lake import location_of
from tandem.service.clock import Clock
from tandem.service.compare_and_set import until_unopposed
from tandem.service.typed_documents import TypedDocuments

PRIMARY = "primary"
ENGINE_VERSION = "Athena engine version 3"
_KIND = "athena-work-group"
_NAME = re.compile(r"[a-zA-Z0-9._-]{1,128}", re.ASCII)
_CUTOFF_BYTES_MIN = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkGroup:
    """
    is_enforced           queries' own result places do not count, the group's do
    scanned_bytes_max     a query that would read more is not run; None: any number of bytes
    """

    name: str
    created_at_us: int = 0
    description: str | None = None
    is_enabled: bool = True
    result: ResultPlace = NOWHERE
    is_enforced: bool = False
    publishes_metrics: bool = False
    requester_pays: bool = False
    scanned_bytes_max: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


class WorkGroups:
    """All raise ValidationError where a group is not there, or is not as it must be."""

    def __init__(self, registry: DocumentRegistry, clock: Clock) -> None:
        self._documents = TypedDocuments(registry, WorkGroup, "a work group")
        self._clock = clock

    def get(self, name: str) -> WorkGroup:
        return self._found(name)[0]

    def all(self) -> Sequence[WorkGroup]:
        """All groups by name."""
        stored = {name: found.value for name, found in self._documents.all(_KIND).items()}
        stored.setdefault(PRIMARY, WorkGroup(name=PRIMARY))
        return [stored[name] for name in sorted(stored)]

    def create(self, group: WorkGroup) -> None:
        if not _NAME.fullmatch(group.name):
            raise ValidationError(
                f"Name {group.name[:128]!r} is not valid: 1 to 128 letters, digits, '.', '_' and"
                " '-'"
            )
        _check(group)
        made = replace(group, created_at_us=self._clock())
        try:
            if group.name == PRIMARY:
                raise ConflictError(PRIMARY)
            self._documents.put(_KIND, group.name, made, 0)
        except ConflictError:
            raise ValidationError("WorkGroup is already created") from None

    def update(self, name: str, change: Callable[[WorkGroup], WorkGroup]) -> None:
        def changed() -> None:
            before, revision = self._found(name)
            after = change(before)
            _check(after)
            self._documents.put(_KIND, name, after, revision)

        until_unopposed(f"work group {name!r}", changed)

    def delete(self, name: str) -> None:
        if name == PRIMARY:
            raise ValidationError("WorkGroup primary cannot be deleted")

        def removed() -> None:
            _, revision = self._found(name)
            self._documents.remove(_KIND, name, revision)

        until_unopposed(f"work group {name!r}", removed)

    def _found(self, name: str) -> tuple[WorkGroup, int]:
        stored = self._documents.find(_KIND, name)
        if stored is not None:
            return stored.value, stored.revision
        if name == PRIMARY:
            return WorkGroup(name=PRIMARY), 0
        raise ResourceNotFound(f"WorkGroup {name[:128]} is not found.")


def _check(group: WorkGroup) -> None:
    if group.result.output_location is not None:
        location_of(group.result.output_location)
    if group.scanned_bytes_max is not None and group.scanned_bytes_max < _CUTOFF_BYTES_MIN:
        raise ValidationError(
            f"BytesScannedCutoffPerQuery {group.scanned_bytes_max} is not valid: at least"
            f" {_CUTOFF_BYTES_MIN}"
        )

"""Records of several groups, read in one pass: what BatchGetRecord answers.

* Where one record cannot be had, the others can: an error takes the place of its record.
* All are read at one moment, up to `_AT_ONCE` of them; more, in as many steps.
* An answer is bounded, by its size and by the units of each group: the caller asks again for what
  is behind a bound.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from tandem.errors import StoreUnavailable, TandemError, ValidationError
from tandem.model.feature_group import FeatureDefinition, FeatureGroup, feature_names
from tandem.model.limits import LARGE_BATCH_BYTES_MAX
from tandem.model.record import canonical_identifier, canonical_identifiers
from tandem.model.write import RecordKey, record_keys
from tandem.online.base import OnlineStore
from tandem.online.features_json import part_of
from tandem.online.online_record import OnlineRecord
from tandem.service.clock import Clock
from tandem.service.feature_groups import FeatureGroups
from tandem.service.records import check_is_online, check_names
from tandem.service.throughput import Throughput

_AT_ONCE = 512
Found = OnlineRecord | TandemError | None


@dataclass(frozen=True, slots=True)
class RecordsAsked:
    """Records of one group, by its name or alias; with `names`, of these features alone."""

    group_name: str
    identifiers: Sequence[str]
    names: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RecordsFound:
    """What is there of the records that were asked for.

    features    those asked for, in the order asked; without names, all that readers see; none
                where the group cannot be read
    records     for each identifier, in order: the record, whole as it is stored; None where there
                is none; or why it cannot be had. Fewer than were asked for where the answer is
                full, or the group has no units for more.
    kept        the names of the features; None where records hold no others
    stored      all features of the group, retired ones included
    """

    features: Sequence[FeatureDefinition]
    records: Sequence[Found]
    kept: frozenset[str] | None = None
    stored: Sequence[FeatureDefinition] = ()

    def json_of(self, record: OnlineRecord) -> bytes:
        """The JSON of a record, as GetRecord answers it."""
        if self.kept is None:
            return record.features_json
        return part_of(record.features_json, self.kept)


class BatchGet:
    def __init__(
        self, groups: FeatureGroups, store: OnlineStore, throughput: Throughput, clock: Clock
    ) -> None:
        self._groups = groups
        self._store = store
        self._throughput = throughput
        self._clock = clock

    def read(
        self, asked: Sequence[RecordsAsked], bytes_max: int = LARGE_BATCH_BYTES_MAX
    ) -> list[RecordsFound]:
        """What is there of each of the questions, about `bytes_max` bytes of records at most.

        Raises StoreUnavailable.
        """
        question = self.question(asked)
        return self._found(question, self._read(question.keys, bytes_max))

    def question(self, asked: Sequence[RecordsAsked]) -> "BatchQuestion":
        """What `read` would read. Raises as it does; reads nothing."""
        parts = [self._part(one) for one in asked]
        return BatchQuestion(parts, [key for one in parts for key in one.keys])

    def found(self, question: "BatchQuestion", records: Sequence[Found]) -> list[RecordsFound]:
        """What `read` gives, where `records` is what was read for all keys of the question."""
        return self._found(question, _there(records, self._clock() // 1_000))

    def _found(self, question: "BatchQuestion", records: Sequence[Found]) -> list[RecordsFound]:
        found, start = [], 0
        for one in question.parts:
            end = start + len(one.keys)
            of_one = self._metered(one, _among_errors(records[start:end], one.errors))
            stored = () if one.group is None else one.group.features
            found.append(RecordsFound(one.features, of_one, one.kept, stored))
            start = end
        return found

    def _metered(self, part: "_Part", found: Sequence[Found]) -> Sequence[Found]:
        """The records of a part, up to the first that its group has no units for."""
        if part.group is None:
            return found
        read = [one.features_json for one in found if type(one) is OnlineRecord]
        allowed = self._throughput.read(part.group, read, some=True)
        if allowed == len(read):
            return found
        places = [place for place, one in enumerate(found) if isinstance(one, OnlineRecord)]
        return found[: places[allowed]]

    def _part(self, asked: RecordsAsked) -> "_Part":
        try:
            group = self._groups.find_for_reading(asked.group_name)
            check_is_online(group)
            readable = group.for_readers
            check_names(readable, asked.names)
        except TandemError as error:
            if error.retryable:
                raise
            return _Part(None, (), (), dict.fromkeys(range(len(asked.identifiers)), error))
        features = readable.current_features
        if asked.names:
            features = tuple(readable.features_by_name[name] for name in dict.fromkeys(asked.names))
        # Records from before hold values of features that have been retired since.
        is_part = bool(asked.names) or readable is not group
        keys, errors = _keys(group, asked.identifiers)
        kept = frozenset(feature_names(features)) if is_part else None
        return _Part(group, features, keys, errors, kept)

    def _read(self, keys: Sequence[RecordKey], bytes_max: int) -> Sequence[Found]:
        now_ms = self._clock() // 1_000
        found: list[Found] = []
        size = 0
        for start in range(0, len(keys), _AT_ONCE):
            if size > bytes_max:
                break
            records = _there(read_each(self._store, keys[start : start + _AT_ONCE]), now_ms)
            found += records
            if len(keys) > _AT_ONCE:
                texts = (one.features_json for one in records if isinstance(one, OnlineRecord))
                size += sum(map(len, texts))
        return found


def read_each(store: OnlineStore, keys: Sequence[RecordKey]) -> Sequence[Found]:
    """The records; one by one where one of them is damaged, so that it fails alone. Raises
    StoreUnavailable.
    """
    try:
        return store.get(keys)
    except StoreUnavailable:
        raise
    except TandemError as error:
        return [error] if len(keys) == 1 else [read_each(store, [key])[0] for key in keys]


def _there(records: Sequence[Found], now_ms: int) -> list[Found]:
    """The records, without those that readers are not told of."""
    return [None if type(one) is OnlineRecord and one.is_gone(now_ms) else one for one in records]


class BatchQuestion(NamedTuple):
    """Records of several groups, before anything is read: the keys of all parts, in their order."""

    parts: "Sequence[_Part]"
    keys: Sequence[RecordKey]


@dataclass(frozen=True, slots=True)
class _Part:
    """As `RecordsFound`, before anything is read. Without a group, it cannot be read.

    keys      of the identifiers that can be keys, in order
    errors    of the others, by their place among all identifiers
    """

    group: FeatureGroup | None
    features: Sequence[FeatureDefinition]
    keys: Sequence[RecordKey]
    errors: Mapping[int, TandemError]
    kept: frozenset[str] | None = None


def _keys(
    group: FeatureGroup, identifiers: Sequence[str]
) -> tuple[list[RecordKey], dict[int, TandemError]]:
    errors: dict[int, TandemError] = {}
    try:
        canonical = canonical_identifiers(group, identifiers)
    except ValidationError:
        canonical = []
        for place, identifier in enumerate(identifiers):
            try:
                canonical.append(canonical_identifier(group, identifier))
            except ValidationError as error:
                errors[place] = error
    return record_keys(group.group_id, canonical), errors


def _among_errors(records: Sequence[Found], errors: Mapping[int, TandemError]) -> Sequence[Found]:
    """The records, as far as they were read, with the errors at their places."""
    return list(_in_place(records, errors)) if errors else records


def _in_place(records: Sequence[Found], errors: Mapping[int, TandemError]) -> Iterator[Found]:
    left = iter(records)
    for place in count():
        try:
            yield errors[place] if place in errors else next(left)
        except StopIteration:
            return

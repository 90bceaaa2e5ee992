"""Records of several groups, read in one pass: what BatchGetRecord answers.

* Where one record cannot be had, the others can: an error takes the place of its record.
* All are read at one moment, up to `_AT_ONCE` of them; more, in as many steps.
* An answer is bounded, by its size and by the units of each group: the caller asks again for what
  is behind a bound.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from tandem.errors import TandemError, ValidationError
from tandem.model.feature_group import FeatureDefinition, FeatureGroup, feature_names
from tandem.model.limits import LARGE_BATCH_BYTES_MAX
from tandem.model.record import canonical_identifier
from tandem.model.write import RecordKey
from tandem.online.base import OnlineRecord, OnlineStore
from tandem.online.features_json import decode_features, encode_features
from tandem.service.clock import Clock
from tandem.service.feature_groups import FeatureGroups
from tandem.service.records import ServedRecord, check_is_online, check_names, served
from tandem.service.throughput import Throughput

_AT_ONCE = 512
_ALL: frozenset[str] = frozenset()
_Found = ServedRecord | TandemError | None


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
    """

    features: Sequence[FeatureDefinition]
    records: Sequence[_Found]
    kept: frozenset[str] | None = None

    def json_of(self, record: ServedRecord) -> bytes:
        """The JSON of a record, as GetRecord answers it."""
        if self.kept is None:
            return record.features_json
        values = decode_features(record.features_json)
        return encode_features(value for value in values if value.name in self.kept)


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
        questions = [self._question(one) for one in asked]
        keys = [key for one in questions for key in one.keys if isinstance(key, RecordKey)]
        records = iter(self._read(keys, bytes_max))
        return [
            RecordsFound(one.features, self._metered(one, records), one.kept) for one in questions
        ]

    def _metered(self, question: "_Question", records: Iterator[_Found]) -> list[_Found]:
        """The records of a question, up to the first that its group has no units for."""
        found = list(_in_place(question.keys, records))
        if question.group is None:
            return found
        places = [place for place, one in enumerate(found) if isinstance(one, ServedRecord)]
        read = [one.features_json for one in found if isinstance(one, ServedRecord)]
        allowed = self._throughput.read(question.group, read, some=True)
        return found if allowed == len(read) else found[: places[allowed]]

    def _question(self, asked: RecordsAsked) -> "_Question":
        try:
            group = self._groups.find_for_reading(asked.group_name)
            check_is_online(group)
            readable = group.for_readers
            check_names(readable, asked.names)
        except TandemError as error:
            if error.retryable:
                raise
            return _Question(None, (), [error] * len(asked.identifiers), None)
        features = readable.current_features
        if asked.names:
            features = tuple(readable.features_by_name[name] for name in dict.fromkeys(asked.names))
        # Records from before hold values of features that have been retired since.
        is_part = bool(asked.names) or readable is not group
        return _Question(
            group,
            features,
            [_key(group, identifier) for identifier in asked.identifiers],
            frozenset(feature_names(features)) if is_part else None,
        )

    def _read(self, keys: Sequence[RecordKey], bytes_max: int) -> list[_Found]:
        now_ms = self._clock() // 1_000
        found: list[_Found] = []
        size = 0
        for start in range(0, len(keys), _AT_ONCE):
            if size > bytes_max:
                break
            records = [
                one if isinstance(one, TandemError) else served(one, _ALL, now_ms)
                for one in self._get(keys[start : start + _AT_ONCE])
            ]
            found += records
            if len(keys) > _AT_ONCE:
                texts = (one.features_json for one in records if isinstance(one, ServedRecord))
                size += sum(map(len, texts))
        return found

    def _get(self, keys: Sequence[RecordKey]) -> Sequence[OnlineRecord | TandemError | None]:
        """The records; one by one where one of them is damaged, so that it fails alone."""
        try:
            return self._store.get(keys)
        except TandemError as error:
            if error.retryable:
                raise
            return [error] if len(keys) == 1 else [self._get([key])[0] for key in keys]


@dataclass(frozen=True, slots=True)
class _Question:
    """As `RecordsFound`, before anything is read: for each identifier its key, or an error. Without
    a group, it cannot be read.
    """

    group: FeatureGroup | None
    features: Sequence[FeatureDefinition]
    keys: Sequence[RecordKey | TandemError]
    kept: frozenset[str] | None


def _key(group: FeatureGroup, identifier: str) -> RecordKey | TandemError:
    try:
        return RecordKey(group.group_id, canonical_identifier(group, identifier))
    except ValidationError as error:
        return error


def _in_place(
    keys: Sequence[RecordKey | TandemError], records: Iterator[_Found]
) -> Iterator[_Found]:
    """The records of the keys among errors, as far as they were read."""
    if all(isinstance(key, RecordKey) for key in keys):
        return islice(records, len(keys))
    return _among_errors(keys, records)


def _among_errors(
    keys: Sequence[RecordKey | TandemError], records: Iterator[_Found]
) -> Iterator[_Found]:
    for key in keys:
        if isinstance(key, TandemError):
            yield key
            continue
        try:
            found = next(records)
        except StopIteration:
            return
        yield found

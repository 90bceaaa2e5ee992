"""Records of a store behind HTTP. Their JSON is kept as bytes: whoever reads it decodes it."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Raw

from tandem.errors import TandemError, Throttled
from tandem.model.event_time import parse_iso_or_epoch
from tandem.model.limits import BATCH_GET_IDENTIFIERS_MAX
from tandem.sdk.http import Http, error_of_code
from tandem.sdk.retries import pauses
from tandem.service.records import ServedRecord

_AT_ONCE = 10_000
"""Records of a large batch: some megabytes, mostly."""


class _Shape(msgspec.Struct, rename="pascal", gc=False):
    """A part of an answer."""


class _OneRecord(_Shape):
    record: Raw = Raw()
    expires_at: str | None = None


class _Detail(_Shape):
    record_identifier_value_as_string: str
    record: Raw
    expires_at: str | None = None


class _Problem(_Shape):
    error_code: str
    error_message: str


class _Unprocessed(_Shape):
    record_identifiers_value_as_string: list[str]


class _Records(_Shape):
    records: list[_Detail]
    errors: list[_Problem]
    unprocessed_identifiers: list[_Unprocessed]


_one = msgspec.json.Decoder(_OneRecord)
_many = msgspec.json.Decoder(_Records)


class RemoteRecords:
    def __init__(self, http: Http, *, asks_expiry: bool) -> None:
        self._http = http
        self._asks_expiry = asks_expiry

    def get(
        self, group_name: str, identifiers: Sequence[str], features: Sequence[str]
    ) -> list[ServedRecord | None]:
        # The group's own errors come with GetRecord; in a batch they would come once a record.
        if len(identifiers) == 1:
            return [self._get_one(group_name, identifiers[0], features)]
        found: dict[str, ServedRecord] = {}
        wanted = list(dict.fromkeys(identifiers))
        if len(wanted) <= BATCH_GET_IDENTIFIERS_MAX:
            found.update(self._get_page("/BatchGetRecord", group_name, wanted, features))
        else:
            for start in range(0, len(wanted), _AT_ONCE):
                page = wanted[start : start + _AT_ONCE]
                found.update(self._get_page("/tandem/batch-get-record", group_name, page, features))
        return [found.get(identifier) for identifier in identifiers]

    def _get_one(
        self, group_name: str, identifier: str, features: Sequence[str]
    ) -> ServedRecord | None:
        query = [("RecordIdentifierValueAsString", identifier)]
        query += [("FeatureName", name) for name in features]
        if self._asks_expiry:
            query.append(("ExpirationTimeResponse", "Enabled"))
        path = f"/FeatureGroup/{quote(group_name, safe='')}?{urlencode(query)}"
        found = self._http.ask(path, _one)
        return None if not bytes(found.record) else _served(found.record, found.expires_at)

    def _get_page(
        self, path: str, group_name: str, identifiers: list[str], features: Sequence[str]
    ) -> Iterator[tuple[str, ServedRecord]]:
        waits = pauses()
        while identifiers:
            entry: dict[str, Any] = {
                "FeatureGroupName": group_name,
                "RecordIdentifiersValueAsString": identifiers,
            }
            if features:
                entry["FeatureNames"] = features
            request: Mapping[str, Any] = {"Identifiers": [entry]}
            if self._asks_expiry:
                request = {**request, "ExpirationTimeResponse": "Enabled"}
            answer = self._http.ask(path, _many, request)
            if answer.errors:
                raise _error(answer.errors[0])
            for one in answer.records:
                yield one.record_identifier_value_as_string, _served(one.record, one.expires_at)
            # What did not fit the answer, or the group's units, is asked for again.
            left = answer.unprocessed_identifiers
            before, identifiers = (
                identifiers,
                left[0].record_identifiers_value_as_string if left else [],
            )
            if len(identifiers) < len(before):
                waits = pauses()
                continue
            if (pause := next(waits, None)) is None:
                raise Throttled(
                    f"feature group {group_name!r} has no read units left: try again later, or ask"
                    " for fewer records at a time"
                )
            time.sleep(pause)


def _served(record: Raw, expires_at: str | None) -> ServedRecord:
    if expires_at is None:
        return ServedRecord(bytes(record), None)
    moment = parse_iso_or_epoch(expires_at)
    return ServedRecord(bytes(record), moment.seconds * 1_000 + moment.nanoseconds // 1_000_000)


def _error(problem: _Problem) -> TandemError:
    return error_of_code(problem.error_code, problem.error_message)

"""sagemaker-featurestore-runtime: records, one or many.

GetRecord, PutRecord and BatchGetRecord are the hot path: stored bytes are copied into the answer.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from msgspec import Raw

from tandem.errors import (
    ConflictError,
    ResourceNotFound,
    TandemError,
    Throttled,
    ValidationError,
)
from tandem.model import limits
from tandem.model.record import FeatureValue
from tandem.model.targets import TARGET_STORES_BY_NAME, TargetStores
from tandem.model.time_to_live import TtlDuration
from tandem.model.write import Write
from tandem.online.online_record import OnlineRecord
from tandem.service.batch_get import Found
from tandem.service.records import DeletionMode, RecordsQuestion
from tandem.wire.arns import feature_group_name
from tandem.wire.batch_get_record import BatchGetRecord, GatheredBatchGetRecord, expires_at
from tandem.wire.commits import CommitWaits
from tandem.wire.decoding import Decoder
from tandem.wire.error_table import Dialect, SerializationError, error_code
from tandem.wire.operation import Core, Operation, Plain, Service
from tandem.wire.paging import PageTokens
from tandem.wire.plain_get import plain_get
from tandem.wire.reads import Answer, GatheredReads
from tandem.wire.shapes import featurestore_runtime as shapes

_ONE_GROUP = "/FeatureGroup/{FeatureGroupName}"
_entry_decoder = Decoder(shapes.BatchWriteRecordEntry)


class FeatureStoreRuntime:
    def __init__(self, core: Core, tokens: PageTokens, batch_get: BatchGetRecord) -> None:
        self._records = core.records
        self.batch_get = batch_get
        self._account = core.groups.account
        self._tokens = tokens
        self._commits = CommitWaits(core.commits)

    def put_record(self, request: shapes.PutRecordRequest) -> Awaitable[None]:
        self._commits.gather()
        return self._commits.until(
            self._records.put(
                self._group(request.feature_group_name),
                _values(request.record),
                _targets(request.target_stores),
                _ttl(request.ttl_duration),
            )
        )

    def get_record(
        self, request: shapes.GetRecordRequest
    ) -> shapes.GetRecordResponse | Awaitable[shapes.GetRecordResponse]:
        found = self._records.get(
            self._group(request.feature_group_name),
            request.record_identifier_value_as_string,
            request.feature_names or (),
        )
        if found is None:
            return shapes.GetRecordResponse()
        return shapes.GetRecordResponse(
            record=Raw(found.features_json),
            expires_at=(
                None
                if found.expires_at_ms is None
                else expires_at(found.expires_at_ms, request.expiration_time_response)
            ),
        )

    def plain_get_record(self, labels: Mapping[str, str]) -> Plain | None:
        try:
            name = self._group(labels["FeatureGroupName"])
        except TandemError:
            return None  # which `get_record` tells of
        return plain_get(self._records, name)

    def delete_record(self, request: shapes.DeleteRecordRequest) -> Awaitable[None]:
        self._commits.gather()
        return self._commits.until(
            self._records.delete(
                self._group(request.feature_group_name),
                request.record_identifier_value_as_string,
                request.event_time,
                request.deletion_mode or DeletionMode.SOFT,
                _targets(request.target_stores),
            )
        )

    def update_record(self, request: shapes.UpdateRecordRequest) -> Awaitable[None]:
        self._commits.gather()
        return self._commits.until(
            self._records.update(
                self._group(request.feature_group_name),
                request.record_identifier_value_as_string,
                _values(request.features),
                _targets(request.target_stores),
                _ttl(request.ttl_duration),
            )
        )

    async def list_records(self, request: shapes.ListRecordsRequest) -> shapes.ListRecordsResponse:
        name = self._group(request.feature_group_name)
        include = bool(request.include_soft_deleted_records)
        question = ("ListRecords", name, include)
        after = (
            None if request.next_token is None else self._tokens.open(question, request.next_token)
        )
        # A scan may pass many records that are gone before it has a page: not on the event loop.
        page = await asyncio.to_thread(
            self._records.list,
            name,
            after,
            request.max_results or limits.LIST_RECORDS_RESULTS_MAX,
            include_soft_deleted=include,
        )
        return shapes.ListRecordsResponse(
            record_identifiers=list(page.identifiers),
            next_token=(
                None if page.next_after is None else self._tokens.seal(question, page.next_after)
            ),
        )

    async def batch_write_record(
        self, request: shapes.BatchWriteRecordRequest
    ) -> shapes.BatchWriteRecordResponse:
        default_ttl = _ttl(request.ttl_duration)
        entries = [_entry(raw, index) for index, raw in enumerate(request.entries)]
        errors: dict[int, TandemError] = {}
        writes: dict[int, Write] = {}
        for index, entry in enumerate(entries):
            try:
                writes[index] = self._check_entry(entry, default_ttl)
            except TandemError as error:
                if error.retryable:
                    raise
                errors[index] = error
        if writes:
            self._commits.gather()
            outcomes = await self._commits.until(self._records.commit(list(writes.values())))
            refused = zip(writes, outcomes, strict=True)
            errors.update((index, error) for index, error in refused if error is not None)
        throttled = {index for index, error in errors.items() if isinstance(error, Throttled)}
        return shapes.BatchWriteRecordResponse(
            errors=[
                shapes.BatchWriteRecordError(
                    entry=request.entries[index],
                    error_code=error_code(error, Dialect.RUNTIME).code,
                    error_message=str(error),
                )
                for index, error in sorted(errors.items())
                if index not in throttled
            ],
            unprocessed_entries=[request.entries[index] for index in sorted(throttled)],
        )

    def _check_entry(
        self, entry: shapes.BatchWriteRecordEntry, default_ttl: TtlDuration | None
    ) -> Write:
        return self._records.check_put(
            self._group(entry.feature_group_name),
            _values(entry.record),
            _targets(entry.target_stores),
            _ttl(entry.ttl_duration) or default_ttl,
        )

    def _group(self, name_or_arn: str) -> str:
        return feature_group_name(name_or_arn, self._account)


class RemoteStoreRuntime(FeatureStoreRuntime):
    """The same over a remote store: what is read at the time is read together, beside the loop."""

    def __init__(self, core: Core, tokens: PageTokens, reads: GatheredReads) -> None:
        super().__init__(core, tokens, GatheredBatchGetRecord(core, reads))
        self._reads = reads

    def plain_get_record(self, labels: Mapping[str, str]) -> None:
        """Nothing is answered without waiting."""

    def get_record(self, request: shapes.GetRecordRequest) -> Awaitable[shapes.GetRecordResponse]:
        question = self._records.question(
            self._group(request.feature_group_name),
            (request.record_identifier_value_as_string,),
            request.feature_names or (),
        )
        return self._served(question, self._reads.ask(question.keys), request)

    async def _served(
        self,
        question: RecordsQuestion,
        records: Awaitable[Answer],
        request: shapes.GetRecordRequest,
    ) -> shapes.GetRecordResponse:
        (record,) = await records
        (found,) = self._records.served(question, (_undamaged(record),))
        if found is None:
            return shapes.GetRecordResponse()
        return shapes.GetRecordResponse(
            record=Raw(found.features_json),
            expires_at=expires_at(found.expires_at_ms, request.expiration_time_response),
        )

    def update_record(self, request: shapes.UpdateRecordRequest) -> Awaitable[None]:
        write = self._records.check_update(
            self._group(request.feature_group_name),
            request.record_identifier_value_as_string,
            _values(request.features),
            _targets(request.target_stores),
            _ttl(request.ttl_duration),
        )
        return self._updated(write, self._reads.ask((write.key,)))

    async def _updated(self, write: Write, records: Awaitable[Answer]) -> None:
        (record,) = await records
        self._commits.gather()
        await self._commits.until(self._records.commit_update(write, _undamaged(record)))


def _undamaged(record: Found) -> OnlineRecord | None:
    if isinstance(record, TandemError):
        raise record
    return record


def _entry(raw: Raw, index: int) -> shapes.BatchWriteRecordEntry:
    place = f"Entries[{index}]"
    try:
        str(raw, "utf-8")
    except UnicodeDecodeError:
        raise SerializationError(f"'{place}' is not UTF-8") from None
    return _entry_decoder.from_json(raw, at=place)


def _values(features: Sequence[shapes.FeatureValue]) -> list[FeatureValue]:
    new = tuple.__new__  # of a named tuple's own, which takes twice as long
    return [
        new(FeatureValue, (feature.feature_name, feature.value_as_string))
        if feature.value_as_string is not None and feature.value_as_string_list is None
        else FeatureValue(feature.feature_name, _elements(feature))
        for feature in features
    ]


def _elements(feature: shapes.FeatureValue) -> tuple[str, ...]:
    text, elements = feature.value_as_string, feature.value_as_string_list
    if elements is not None and text is None:
        return tuple(elements)
    given = "neither" if text is None else "both"
    raise ValidationError(
        f"feature {feature.feature_name!r} has {given} of ValueAsString and ValueAsStringList:"
        " give one of them"
    )


def _targets(stores: Sequence[shapes.TargetStore] | None) -> TargetStores | None:
    if stores is None:
        return None
    if len(set(stores)) != len(stores):
        raise ValidationError(f"TargetStores names {stores[0].value!r} twice")
    targets = TargetStores(0)
    for store in stores:
        targets |= TARGET_STORES_BY_NAME[store]
    return targets


def _ttl(ttl: shapes.TtlDuration | None) -> TtlDuration | None:
    return None if ttl is None else TtlDuration(ttl.unit, ttl.value)


def featurestore_runtime_service(core: Core, tokens: PageTokens) -> Service:
    handlers = (
        RemoteStoreRuntime(core, tokens, GatheredReads(core.online))
        if core.online.is_remote
        else FeatureStoreRuntime(core, tokens, BatchGetRecord(core))
    )
    return Service(
        name="sagemaker-featurestore-runtime",
        dialect=Dialect.RUNTIME,
        operations=[*_one_record(handlers), *_many_records(handlers)],
    )


def _one_record(handlers: FeatureStoreRuntime) -> list[Operation[Any]]:
    return [
        Operation(
            name="GetRecord",
            method="GET",
            path=_ONE_GROUP,
            request=shapes.GetRecordRequest,
            query={
                "RecordIdentifierValueAsString": "RecordIdentifierValueAsString",
                "FeatureNames": "FeatureName",
                "ExpirationTimeResponse": "ExpirationTimeResponse",
            },
            perform=handlers.get_record,
            plain_for=handlers.plain_get_record,
            errors=(ResourceNotFound,),
        ),
        Operation(
            name="PutRecord",
            method="PUT",
            path=_ONE_GROUP,
            request=shapes.PutRecordRequest,
            perform=handlers.put_record,
        ),
        Operation(
            name="DeleteRecord",
            method="DELETE",
            path=_ONE_GROUP,
            request=shapes.DeleteRecordRequest,
            query={
                "RecordIdentifierValueAsString": "RecordIdentifierValueAsString",
                "EventTime": "EventTime",
                "TargetStores": "TargetStores",
                "DeletionMode": "DeletionMode",
            },
            perform=handlers.delete_record,
        ),
        Operation(
            name="UpdateRecord",
            path=f"{_ONE_GROUP}/Record",
            request=shapes.UpdateRecordRequest,
            perform=handlers.update_record,
            errors=(ResourceNotFound, ConflictError),
        ),
    ]


def _many_records(handlers: FeatureStoreRuntime) -> list[Operation[Any]]:
    return [
        Operation(
            name="ListRecords",
            path=f"{_ONE_GROUP}/ListRecords",
            request=shapes.ListRecordsRequest,
            perform=handlers.list_records,
            errors=(ResourceNotFound,),
        ),
        Operation(
            name="BatchGetRecord",
            path="/BatchGetRecord",
            request=shapes.BatchGetRecordRequest,
            perform=handlers.batch_get.in_json,
            as_arrow=handlers.batch_get.in_arrow,
        ),
        Operation(
            name="BatchWriteRecord",
            path="/BatchWriteRecord",
            request=shapes.BatchWriteRecordRequest,
            perform=handlers.batch_write_record,
            errors=(ResourceNotFound,),
        ),
    ]

"""A feature group in a program's hands: its records, its tags, and how it changes."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from tandem.errors import ResourceNotFound, ValidationError
from tandem.model.adopted_files import FilesAdopted
from tandem.model.changes import (
    GroupUpdate,
    MetadataUpdate,
    ThroughputUpdate,
    check_addition_count,
    check_metadata_update,
)
from tandem.model.feature_group import (
    FeatureGroup,
    FeatureMetadata,
    StorageType,
    ThroughputMode,
)
from tandem.model.labels import check_tags
from tandem.model.usage import Period
from tandem.rows.feature_values import values_of_mapping
from tandem.sdk.arguments import (
    checked,
    checked_feature_name,
    checked_flag,
    checked_sequence,
    checked_text,
    checked_texts,
    checked_texts_by_name,
    checked_units,
    choice,
    definitions,
    target_stores_of,
    ttl_duration,
)
from tandem.sdk.backend import Backend
from tandem.sdk.description import GroupDescription, describe_group
from tandem.sdk.group_files import GroupFiles, group_files
from tandem.sdk.ingest_result import IngestResult
from tandem.sdk.record_values import RecordValues
from tandem.sdk.sources import source_of
from tandem.sdk.usage import UsageList, span_us
from tandem.service.ingestion import IngestOptions, OnError
from tandem.service.records import DeletionMode, ServedRecord
from tandem.service.usage import Stored

_ALIAS_SECONDS_MAX = 1.0
_ALL: tuple[str, ...] = ()


class FeatureGroupHandle:
    """A feature group to write to and read from, by its name or an alias.

    name        the name that it was looked up by
    definition  the group's definition as of the last look; looked at again where a record does not
                fit it, since others may add features at any time

    Of an alias, reads go to the group that it stands for, at most a second after it is switched;
    writes are refused.
    """

    def __init__(self, backend: Backend, name: str, definition: FeatureGroup) -> None:
        self._backend = backend
        self.name = name
        self.definition = definition
        self._values = RecordValues(definition)
        self._looked_at = time.monotonic()

    def put(
        self,
        record: Mapping[str, Any],
        *,
        target_stores: Sequence[str] | None = None,
        ttl: timedelta | str | None = None,
    ) -> None:
        """Writes a record, given as Python values by feature name. Durable at return.

        None and NaN are left out. Raises ValidationError that names the feature and the value.
        """
        checked(Mapping, record, "record")
        if not record.keys() <= self.definition.features_by_name.keys():
            self._look_again()
        values = values_of_mapping(record, self.definition.features_by_name)
        self._backend.put(self.name, values, target_stores_of(target_stores), ttl_duration(ttl))

    def get(self, identifier: Any, features: Sequence[str] = _ALL) -> dict[str, Any] | None:
        """The newest record as Python values by feature name, or None. `features` chooses some."""
        if self.name != self.definition.name:
            self._follow_alias()
        # As most are, without a call.
        is_plain = type(identifier) is str and identifier.isascii()
        text = identifier if is_plain else self._identifier_text(identifier)
        found = self._read((text,), features)[0]
        if found is not None and self._values.group is self.definition:
            try:
                return self._values.of(found)
            except (KeyError, ValueError):
                pass  # `_python` looks at the definition again
        return self._python([found])[0]

    def get_many(
        self, identifiers: Sequence[Any], features: Sequence[str] = _ALL
    ) -> list[dict[str, Any] | None]:
        """`get` for many identifiers, in the order given."""
        self._follow_alias()
        given = checked_sequence(identifiers, "identifiers")
        texts = [
            # As most are, without a call for each.
            one if type(one) is str and one.isascii() else self._identifier_text(one)
            for one in given
        ]
        return self._python(self._read(texts, features))

    def delete(
        self,
        identifier: Any,
        event_time: Any,
        *,
        mode: str = DeletionMode.SOFT,
        target_stores: Sequence[str] | None = None,
    ) -> None:
        """Deletes a record as of `event_time`; mode is "SoftDelete" or "HardDelete"."""
        moment = {self.definition.event_time_name: event_time}
        values = values_of_mapping(moment, self.definition.features_by_name)
        if not values:
            raise ValidationError(f"event_time {event_time!r} is not valid: give a moment")
        self._backend.delete_record(
            self.name,
            self._identifier_text(identifier),
            checked_text(str(values[0].value), "event_time"),
            choice(DeletionMode, mode, "mode"),
            target_stores_of(target_stores),
        )

    def ingest(
        self,
        source: Any,
        *,
        target_stores: Sequence[str] | None = None,
        on_error: str = OnError.RAISE,
        ingestion_id: str | None = None,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> IngestResult:
        """Writes every row of `source` as a record; durable at return. Returns how many it wrote.

        source        a pandas or Polars frame, an Arrow table, reader or dataset, a dict of columns
                      or a list of dicts; or a path, a glob or s3://bucket/key of CSV, Parquet or
                      JSON lines files
        on_error      "raise": the first row that does not fit ends the call; "skip": such rows are
                      left out, and are in the result's `failed`
        ingestion_id  a name of yours for this input: the same call with the same name, after
                      whatever ended the first one, goes on behind the rows that are in
        progress      is told again and again how many rows are done, and of how many (None where
                      that is not known)

        A table in memory is checked whole before its first row is written; other sources are
        checked in pieces of up to 262,144 rows. Raises ValidationError that names the row, the
        feature and the value, and says what is written.
        """
        tables, rows = source_of(source, self.definition, self._backend.buckets)
        options = IngestOptions(
            targets=target_stores_of(target_stores),
            ingestion_id=None
            if ingestion_id is None
            else checked_text(ingestion_id, "ingestion_id"),
            on_error=choice(OnError, on_error, "on_error"),
        )
        told = progress or (lambda _done, _rows: None)
        done = self._backend.ingest(self.name, tables, options, lambda done: told(done, rows))
        return IngestResult(done)

    def adopt_files(self, *, target_stores: Sequence[str] | None = None) -> FilesAdopted:
        """Makes rows of the Parquet files that other programs have put below the group's data
        folder; durable and visible at return.

        target_stores  "OfflineStore", with or without "OnlineStore"; None: as the group's tag
                       `tandem:adopt-into` says, else the offline store alone

        The answer says which files were taken, which are refused and why, and which wait to be
        whole. Raises ValidationError where the group's history is no folder of Parquet files.
        """
        return self._backend.files.adopt(self.name, target_stores_of(target_stores))

    def files(self) -> GroupFiles:
        """The Parquet files of the group's history, with all that was written before the call."""
        self._look_again()
        found = self._backend.files.history(self.definition.name)
        return group_files(self.definition, found, self._backend.buckets)

    def list_records(self, *, include_soft_deleted: bool = False) -> Iterator[str]:
        """The identifiers of the records that can be served, in no particular order."""
        self._follow_alias()
        name = self.definition.name
        flag = checked_flag(include_soft_deleted, "include_soft_deleted")
        return self._backend.list_records(name, include_soft_deleted=flag)

    def update(
        self,
        *,
        add_features: Any = None,
        ttl: timedelta | str | None = None,
        remove_ttl: bool = False,
        storage_type: str | None = None,
        throughput_mode: str | None = None,
        read_units: int | None = None,
        write_units: int | None = None,
    ) -> None:
        """Changes the group; what is left out stays.

        add_features  as `features` of create_feature_group: null in older rows and records
        ttl           of records that are written from now on; remove_ttl lets them never expire
        storage_type  "Standard" can become "Standard_V2"

        Raises ResourceNotFound and ValidationError; nothing is changed then.
        """
        if checked_flag(remove_ttl, "remove_ttl") and ttl is not None:
            raise ValidationError("ttl is to be set and removed: choose one")
        added = definitions(add_features, self.definition.event_time_name) if add_features else ()
        check_addition_count(added)
        throughput = None
        if not (throughput_mode is None and read_units is None and write_units is None):
            mode = throughput_mode and choice(ThroughputMode, throughput_mode, "throughput_mode")
            throughput = ThroughputUpdate(
                mode or None,
                checked_units(read_units, "read_units"),
                checked_units(write_units, "write_units"),
            )
        update = GroupUpdate(
            additions=added,
            ttl=ttl_duration(ttl),
            removes_ttl=remove_ttl,
            storage_type=choice(StorageType, storage_type, "storage_type")
            if storage_type
            else None,
            throughput=throughput,
        )
        self.definition = self._backend.groups.update(self.name, update)

    @property
    def tags(self) -> dict[str, str]:
        """The group's tags, as of now."""
        return dict(self._backend.tags.all(self.name))

    def add_tags(self, tags: Mapping[str, str]) -> None:
        """Adds tags; those whose key is there already get the new value."""
        given = checked_texts_by_name(tags, "tags")
        check_tags(given.items())
        self._backend.tags.add(self.name, given)

    def remove_tags(self, *keys: str) -> None:
        """Removes tags; keys that the group does not have are passed over."""
        if not keys:
            return  # a server refuses to remove none
        self._backend.tags.remove(self.name, checked_texts(keys, "keys"))

    def describe_feature(self, feature: str) -> FeatureMetadata:
        """What is said of a feature: its description and its parameters."""
        return self._backend.features.describe(self.name, checked_feature_name(feature))

    def update_feature(
        self,
        feature: str,
        *,
        description: str | None = None,
        parameters: Mapping[str, str] | None = None,
        remove_parameters: Sequence[str] = (),
    ) -> None:
        """Changes what is said of a feature. An empty description is removed."""
        update = MetadataUpdate(
            description=None if description is None else checked_text(description, "description"),
            additions=tuple(checked_texts_by_name(parameters, "parameters").items()),
            removals=tuple(checked_texts(remove_parameters, "remove_parameters")),
        )
        named = checked_feature_name(feature)
        check_metadata_update(update)
        self._backend.features.update(self.name, named, update)

    def retired_features(self) -> list[str]:
        """The names of the features that are retired."""
        return [one.definition.name for one in self._backend.features.retired(self.name)]

    def retire_feature(self, feature: str) -> None:
        """Hides a feature from readers, in records, SQL and training sets, and refuses it in
        writes. Its history is kept; `restore_feature` takes this back.
        """
        self._backend.features.retire(self.name, checked_feature_name(feature))
        self._look_again()

    def restore_feature(self, feature: str) -> None:
        """Shows a retired feature again, older values included."""
        self._backend.features.restore(self.name, checked_feature_name(feature))
        self._look_again()

    def usage(
        self,
        period: str = Period.HOUR,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> UsageList:
        """What the group was used for, in read and write units. Shown as a table.

        period        "minute" (kept for a day) or "hour" (kept for 93 days)
        since, until  the span; without a zone it is UTC. By default the last hour of minutes, or
                      the last day of hours

        What other processes counted in the last 5 seconds may be missing.
        """
        chosen = choice(Period, period, "period")
        start_us, end_us = span_us(chosen, since, until)
        return UsageList(self._backend.usage.of(self.name, chosen, start_us, end_us))

    def stored(self) -> Stored:
        """The bytes that the group stores online and offline. Its records are counted one by one:
        about a second for 100,000.
        """
        return self._backend.usage.stored(self.name)

    def describe(self) -> GroupDescription:
        """What there is to know of the group: schema, tags, freshness, counts, a sample."""
        return describe_group(self._backend, self.name)

    def __repr__(self) -> str:
        group = self.definition
        means = "" if self.name == group.name else f", alias of {group.name!r}"
        return f"<FeatureGroup {self.name!r}{means}: {len(group.features)} features>"

    def _read(self, texts: Sequence[str], features: Sequence[str]) -> list[ServedRecord | None]:
        wanted = () if features is _ALL else checked_texts(features, "features")
        if not texts:
            return []
        try:
            return self._backend.get(self.definition.name, texts, wanted)
        except ResourceNotFound:
            if self.name == self.definition.name:
                raise
            # The alias was switched and the group deleted since the last look.
            self._look_again()
            return self._backend.get(self.definition.name, texts, wanted)

    def _look_again(self) -> None:
        self.definition = self._backend.groups.describe(self.name)
        self._looked_at = time.monotonic()

    def _follow_alias(self) -> None:
        # The group that is read and the definition that its values are read by are one look's.
        is_alias = self.name != self.definition.name
        if is_alias and time.monotonic() - self._looked_at > _ALIAS_SECONDS_MAX:
            self._look_again()

    def _identifier_text(self, identifier: Any) -> str:
        if type(identifier) is str:
            return checked_text(identifier, "record identifier")
        named = {self.definition.record_identifier_name: identifier}
        values = values_of_mapping(named, self.definition.features_by_name)
        if not values:
            raise ValidationError(f"a record identifier is missing: {identifier!r} was given")
        return checked_text(str(values[0].value), "record identifier")

    def _python(self, found: Sequence[ServedRecord | None]) -> list[dict[str, Any] | None]:
        if self._values.group is not self.definition:
            self._values = RecordValues(self.definition)
        try:
            return self._values.of_many(found)
        except (KeyError, ValueError):
            # A feature was added, or the group was made again with other types.
            self._look_again()
        read = partial(RecordValues(self.definition).read, skips_unknown=True)
        return [None if one is None else read(one.features_json) for one in found]

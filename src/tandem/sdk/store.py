"""What a notebook uses: a store, its feature groups, training sets and SQL.

store = tandem.connect("./tandem-data")            # or "http://localhost:8790"
group = store.create_feature_group(
    "customers", features=frame, record_identifier="customer_id", event_time="event_time"
)
group.ingest(frame)
group.get("C1")
store.training_set(labels, features=["customers:orders"]).to_pandas()
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Unpack

from tandem.errors import ValidationError
from tandem.model.batch_load import LoadStatus
from tandem.model.feature_group import (
    FeatureGroup,
    FeatureType,
    OfflineStoreConfig,
    OnlineStoreConfig,
    StorageType,
    TableFormat,
)
from tandem.query.base import SqlDialect
from tandem.sdk import search
from tandem.sdk.arguments import (
    checked,
    checked_flag,
    checked_group_name,
    checked_sequence,
    checked_text,
    checked_texts_by_name,
    choice,
    definitions,
    microseconds,
    target_stores_of,
    ttl_duration,
)
from tandem.sdk.backend import Backend
from tandem.sdk.batch_load import BatchLoad, BatchLoadList
from tandem.sdk.cost import CostArguments, CostComparison, cost_of_use
from tandem.sdk.dataset import DatasetList, RecordedDataset, TrainingSet
from tandem.sdk.dataset_arguments import TimeRange, only_group, training_set_request
from tandem.sdk.declaration import Declared
from tandem.sdk.declaration_files import declarations
from tandem.sdk.defaults import ROLE_ARN, S3_URI
from tandem.sdk.description import GroupDescription, describe_group
from tandem.sdk.feature_vectors import FeatureVectors
from tandem.sdk.frames import Result
from tandem.sdk.group import FeatureGroupHandle
from tandem.sdk.label_arguments import labels_of
from tandem.sdk.listing import FeatureList, GroupList
from tandem.sdk.plan import Plan
from tandem.sdk.planning import planned_steps
from tandem.sdk.standing import standing
from tandem.sdk.steps import after_creation
from tandem.sdk.stream_control import StreamControl
from tandem.sdk.vector_arguments import entities_of, with_defaults
from tandem.service.batch_loads.request import NewBatchLoad
from tandem.service.cloning import CloneRequest
from tandem.service.group_creation import NewFeatureGroup
from tandem.service.ingestion import OnError


class FeatureStore:
    """A connection. Close it, or use it in a `with` block, to stop its threads."""

    def __init__(self, backend: Backend, location: str) -> None:
        self._backend = backend
        self._location = location

    def __repr__(self) -> str:
        return f"<FeatureStore at {self._location!r}>"

    def create_feature_group(
        self,
        name: str,
        *,
        features: Any,
        types: Mapping[str, str] | None = None,
        record_identifier: str,
        event_time: str,
        online: bool = True,
        offline: bool = True,
        table_format: str = TableFormat.GLUE,
        storage_type: str | None = None,
        ttl: timedelta | str | None = None,
        s3_uri: str = S3_URI,
        role_arn: str = ROLE_ARN,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> FeatureGroupHandle:
        """Creates a feature group; it can be used at once.

        features      a frame whose columns give names and types (its rows are not written), an
                      Arrow schema, or a mapping of name to "String", "Integral" or "Fractional"
        types         such types by name, where the columns suggest others
        storage_type  of the online store: "Standard", "Standard_V2" (records can be updated) or
                      "InMemory" (collections; no offline store)
        ttl           how long after its event time a record is served, unless put says otherwise: a
                      timedelta, or a text such as "30 days"

        Raises ResourceInUse where the name is taken, and ValidationError.
        """
        storage = choice(StorageType, storage_type, "storage_type") if storage_type else None
        new = NewFeatureGroup(
            name=checked_group_name(name),
            record_identifier_name=checked_text(record_identifier, "record_identifier"),
            event_time_name=checked_text(event_time, "event_time"),
            features=definitions(features, event_time, types),
            online=OnlineStoreConfig(True, storage, ttl_duration(ttl))
            if checked_flag(online, "online")
            else None,
            offline=OfflineStoreConfig(
                checked_text(s3_uri, "s3_uri"),
                table_format=choice(TableFormat, table_format, "table_format"),
            )
            if checked_flag(offline, "offline")
            else None,
            role_arn=checked_text(role_arn, "role_arn"),
            description=None if description is None else checked_text(description, "description"),
            tags=checked_texts_by_name(tags, "tags"),
        )
        after_creation(new)  # refused alike, wherever the store is
        return self._handle(self._backend.groups.create(new))

    def feature_group(self, name: str) -> FeatureGroupHandle:
        """The feature group of this name or alias. Raises ResourceNotFound."""
        definition = self._backend.groups.describe(checked_group_name(name))
        return FeatureGroupHandle(self._backend, name, definition)

    def groups(self, name_contains: str | None = None) -> GroupList:
        """All feature groups by name, or those whose name contains a text. Shown as a table."""
        expression = search.filters(search.contains("FeatureGroupName", name_contains))
        return self._groups(expression)

    def search(
        self,
        text: str | None = None,
        *,
        tags: Mapping[str, str] | None = None,
        expression: Mapping[str, Any] | None = None,
    ) -> GroupList:
        """The feature groups that fit all that is given, by name.

        text        is in the group's name or description, or in the name of a feature
        tags        are the group's, with these values
        expression  a SearchExpression as AWS's Search takes it
        """
        return self._groups(search.groups_expression(text, tags, expression))

    def search_features(
        self,
        text: str | None = None,
        *,
        parameters: Mapping[str, str] | None = None,
        expression: Mapping[str, Any] | None = None,
    ) -> FeatureList:
        """The features that fit all that is given, by group and name.

        text        is in the feature's name or description
        parameters  are the feature's, with these values
        expression  a SearchExpression as AWS's Search takes it, over FeatureMetadata
        """
        wanted = search.features_expression(text, parameters, expression)
        return FeatureList(self._backend.features.search(wanted))

    def describe(self, name: str) -> GroupDescription:
        """What there is to know of a feature group: schema, tags, freshness, counts, a sample.

        Counts and freshness are read from history; they cost a scan of a few columns.
        """
        return describe_group(self._backend, checked_group_name(name))

    def delete_feature_group(self, name: str) -> None:
        """Deletes a feature group; its history stays.

        Raises ResourceNotFound, and ResourceInUse where an alias names it.
        """
        self._backend.groups.delete(checked_group_name(name))

    def clone_feature_group(
        self,
        source: str,
        target: str,
        *,
        types: Mapping[str, str] | None = None,
        table_format: str | None = None,
        storage_type: str | None = None,
    ) -> FeatureGroupHandle:
        """A new feature group with the records and the history of another, in other types.

        types         "String", "Integral" or "Fractional" by feature name
        table_format  of its history: "Glue" (Parquet) or "Iceberg"

        Retired features are left out. What is written to the source after the call is not in the
        clone. Raises ResourceInUse where the target's name is taken, and ValidationError where a
        value has no form in its new type; no clone is left then.
        """
        request = CloneRequest(
            source=checked_group_name(source, "source"),
            target=checked_group_name(target, "target"),
            types={
                name: choice(FeatureType, kind, f"the type of feature {name!r}")
                for name, kind in checked_texts_by_name(types, "types").items()
            },
            table_format=choice(TableFormat, table_format, "table_format")
            if table_format
            else None,
            storage_type=choice(StorageType, storage_type, "storage_type")
            if storage_type
            else None,
        )
        return self._handle(self._backend.groups.clone(request))

    def aliases(self) -> dict[str, str]:
        """The feature group's name by alias."""
        return dict(self._backend.groups.aliases())

    def set_alias(self, alias: str, group: str) -> None:
        """Lets readers of `alias` read `group` from now on, whatever they read before.

        An alias stands for a group in reads, SQL and training sets; writers name the group itself.
        Raises ResourceNotFound, and ResourceInUse where a group is called like the alias.
        """
        self._backend.groups.set_alias(
            checked_group_name(alias, "alias"), checked_group_name(group, "group")
        )

    def remove_alias(self, alias: str) -> None:
        """Raises ResourceNotFound where there is no such alias."""
        self._backend.groups.set_alias(checked_group_name(alias, "alias"), None)

    def plan(self, declared: str | Path | Sequence[Declared]) -> Plan:
        """What is to be done so that the store is as declared; `plan(...).apply()` does it.

        declared  a YAML file, or a folder of them, in the form that `tandem.sdk.declaration` shows

        Raises ValidationError where a file cannot be read, or a change is not possible.
        """
        if isinstance(declared, str | Path):
            declared = declarations(Path(declared))
        for one in checked(Sequence, declared, "declared"):
            if not isinstance(one, Declared):
                raise ValidationError(f"{one!r:.80} declares nothing: give what a file declares")
        return Plan(self._backend, planned_steps(declared, standing(self._backend, declared)))

    def training_set(
        self,
        labels: Any,
        features: Sequence[str] | Mapping[str, str],
        *,
        event_time: str = "event_time",
        keys: Mapping[str, str] | None = None,
        as_of: datetime | None = None,
        max_age: timedelta | Mapping[str, timedelta] | None = None,
        event_time_range: TimeRange | Mapping[str, TimeRange] | None = None,
        record: bool = True,
        keep_labels: bool = True,
    ) -> TrainingSet:
        """`labels` with the features as they were known at each label's moment.

        labels      any frame, an Arrow RecordBatchReader, or the path of a file or of a folder of
                    Parquet files; every row comes back once, in order, with all its columns
        features    "group:feature" each, or "group:*"; or a mapping that names the columns:
                    {"spend_30d": "customers:spend"}
        event_time  the label column that holds the moment
        keys        label column by group name, where it is not called as the record identifier
        as_of       use only what had been written to the store by then; without a zone it is UTC
        max_age     features older than this at the label's moment are null; for all groups, or by
                    group name
        event_time_range
                    (start, end): only feature rows with an event time from start on and before end
                    count; None for no bound; for all groups, or by group name
        record      keep what the set was made of, so that `store.dataset(id)` can tell it, and make
                    the same rows again
        keep_labels keep the labels with it; else they must be given to make it again

        Raises ValidationError and ResourceNotFound.
        """
        request = training_set_request(features, event_time, keys, as_of, max_age, event_time_range)
        made = self._backend.datasets.training_set(
            labels_of(labels),
            request,
            record=checked_flag(record, "record"),
            keep_labels=checked_flag(keep_labels, "keep_labels"),
        )
        return TrainingSet(made, self._backend.datasets)

    def latest(
        self,
        features: Sequence[str] | Mapping[str, str],
        entities: Any = None,
        *,
        at: datetime | None = None,
        event_time: str = "event_time",
        keys: Mapping[str, str] | None = None,
        as_of: datetime | None = None,
        max_age: timedelta | Mapping[str, timedelta] | None = None,
        event_time_range: TimeRange | Mapping[str, TimeRange] | None = None,
        record: bool = True,
        keep_labels: bool = True,
    ) -> TrainingSet:
        """The newest values of each entity, from history, as they are known at one moment: what a
        model trained on the same `features` predicts from.

        entities    any frame with the record identifiers; the name of a feature group for all its
                    records; None: those of the one group that `features` names
        at          the moment; None: now. It stands in the column `event_time`

        The rest is as for `training_set`.
        """
        request = training_set_request(features, event_time, keys, as_of, max_age, event_time_range)
        if entities is None:
            entities = only_group(request.features)
        made = self._backend.datasets.latest(
            entities if isinstance(entities, str) else labels_of(entities),
            request,
            at_us=None if at is None else microseconds(checked(datetime, at, "at")),
            record=checked_flag(record, "record"),
            keep_labels=checked_flag(keep_labels, "keep_labels"),
        )
        return TrainingSet(made, self._backend.datasets)

    def feature_vector(
        self,
        features: Sequence[str] | Mapping[str, str],
        entities: Any,
        *,
        keys: Mapping[str, str] | None = None,
        defaults: Mapping[str, Any] | None = None,
        max_age: timedelta | Mapping[str, timedelta] | None = None,
    ) -> FeatureVectors:
        """The newest values of features of several groups, from the online store, in one request:
        what a model that was trained on the same `features` predicts from.

        features    as for `training_set`
        entities    an identifier or a list of them; a mapping of column to identifiers, where one
                    value stands for every row; or a frame
        defaults    by column: what stands where there is no value

        The rest is as for `training_set`.
        """
        request = training_set_request(features, "event_time", keys, None, max_age, None)
        table, are_identifiers = entities_of(entities)
        found = self._backend.vectors.read(table, request, are_identifiers=are_identifiers)
        return FeatureVectors(with_defaults(found.features, defaults), found)

    def dataset(self, dataset_id: str) -> RecordedDataset:
        """What is recorded of a training set. Raises ResourceNotFound."""
        return RecordedDataset(
            self._backend.datasets.find(checked_text(dataset_id, "dataset_id")),
            self._backend.datasets,
        )

    def datasets(self) -> DatasetList:
        """The recorded training sets, the newest first. Shown as a table."""
        found = self._backend.datasets.all()
        return DatasetList([RecordedDataset(one, self._backend.datasets) for one in found])

    def delete_dataset(self, dataset_id: str) -> None:
        """Forgets a recorded training set, its labels too. Raises ResourceNotFound."""
        self._backend.datasets.delete(checked_text(dataset_id, "dataset_id"))

    def batch_load(
        self,
        group: str,
        location: str,
        *,
        format: str | None = None,  # noqa: A002
        delimiter: str | None = None,
        target_stores: Sequence[str] | None = None,
        on_error: str = OnError.RAISE,
        ingestion_id: str | None = None,
        failed_rows: str | None = None,
    ) -> BatchLoad:
        """Has the store load files into a feature group, in the background; returns at once.

        location      `s3://bucket/…` of the store's own buckets, or of S3 or a folder of the
                      store's machine that its settings allow: a file, a folder or a pattern
        format        "csv", "parquet" or "jsonl"; without it, each file's ending tells
        delimiter     of CSV
        on_error      "raise": the first row that does not fit ends the load; "skip": such rows are
                      left out, and are in its `failed`
        ingestion_id  a name of yours for this input: a later load with the same name goes on behind
                      the rows that are in
        failed_rows   the file for rows that are left out, .csv or .parquet, in an allowed place

        Raises ResourceNotFound, ValidationError, AccessForbidden where the location is not allowed,
        and ConflictError where the ingestion id is in use.
        """
        targets = target_stores_of(target_stores)
        new = NewBatchLoad(
            group_name=checked_group_name(group, "group"),
            location=checked_text(location, "location"),
            form=None if format is None else checked_text(format, "format"),
            delimiter=None if delimiter is None else checked_text(delimiter, "delimiter"),
            target_stores=() if targets is None else tuple(targets.names()),
            on_error=choice(OnError, on_error, "on_error"),
            ingestion_id=None
            if ingestion_id is None
            else checked_text(ingestion_id, "ingestion_id"),
            failed_rows=None if failed_rows is None else checked_text(failed_rows, "failed_rows"),
        )
        return BatchLoad(self._backend.batch_loads, self._backend.batch_loads.start(new))

    def batch_loads(self, group: str | None = None, status: str | None = None) -> BatchLoadList:
        """The batch loads, the newest first; of a feature group, or in a status such as
        "InProgress". Shown as a table.
        """
        name = None if group is None else checked_group_name(group, "group")
        wanted = None if status is None else choice(LoadStatus, status, "status")
        found = self._backend.batch_loads.all(name, wanted)
        return BatchLoadList([BatchLoad(self._backend.batch_loads, one) for one in found])

    def find_batch_load(self, batch_load_id: str) -> BatchLoad:
        """The batch load with this id. Raises ResourceNotFound."""
        control = self._backend.batch_loads
        return BatchLoad(control, control.find(checked_text(batch_load_id, "batch_load_id")))

    def cost(
        self, groups: Sequence[str] | None = None, **how: Unpack[CostArguments]
    ) -> CostComparison:
        """What the store's own use would cost on AWS, and machines of one's own instead; of some
        feature groups, or of all. Shown as a table.
        """
        names = None
        if groups is not None:
            names = [checked_group_name(name) for name in checked_sequence(groups, "groups")]
        return cost_of_use(self._backend, names, **how)

    def sql(self, statement: str, *, dialect: str = SqlDialect.DUCKDB) -> Result:
        """The rows of a SELECT over history; every write that was answered is in it.

        A table is a feature group's name, in double quotes where it has hyphens. `dialect` is
        "duckdb", or "athena" for statements that were written for Amazon Athena. Raises
        QueryFailed.
        """
        rows = self._backend.sql(
            checked_text(statement, "statement"), choice(SqlDialect, dialect, "dialect")
        )
        return Result(rows, self._backend.datasets.write_object)

    @property
    def streams(self) -> StreamControl:
        """What `tandem.streams.Stream` writes through: batches of messages, and how far they go."""
        return self._backend.streams

    def close(self) -> None:
        self._backend.close()

    def __enter__(self) -> "FeatureStore":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _groups(self, expression: Mapping[str, Any]) -> GroupList:
        found = self._backend.groups.search(expression)
        # A handle has its tags from the store, so that they are those of the moment.
        handles = [self._handle(replace(group, tags={})) for group in found]
        return GroupList(handles, [group.tags for group in found])

    def _handle(self, group: FeatureGroup) -> FeatureGroupHandle:
        return FeatureGroupHandle(self._backend, group.name, group)

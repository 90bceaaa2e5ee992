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
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import pyarrow as pa

from tandem.assembly.settings import settings_from_environment
from tandem.errors import ValidationError
from tandem.model.event_time import from_datetime
from tandem.model.feature_group import (
    FeatureDefinition,
    FeatureGroup,
    FeatureType,
    OfflineStoreConfig,
    OnlineStoreConfig,
    StorageType,
    TableFormat,
)
from tandem.model.record import FeatureValue
from tandem.model.targets import TARGET_STORES_BY_NAME, TargetStores
from tandem.model.time_to_live import TtlDuration, TtlUnit
from tandem.rows.feature_values import infer_features, python_value, values_of_mapping
from tandem.sdk.backend import Backend
from tandem.sdk.embedded import EmbeddedBackend
from tandem.sdk.frames import Result, to_arrow
from tandem.sdk.remote import RemoteBackend
from tandem.service.datasets import TrainingSetRequest
from tandem.service.feature_groups import NewFeatureGroup
from tandem.service.records import DeletionMode

_Choice = TypeVar("_Choice", bound=StrEnum)
_Kind = TypeVar("_Kind")
_S3_URI = "s3://tandem"
_ROLE_ARN = "arn:aws:iam::000000000000:role/tandem"


def connect(location: str | Path = "tandem-data", **settings: Any) -> "FeatureStore":
    """A store in the folder `location`, made where it is missing, or the server at a URL.

    `settings` are those of `tandem.assembly.settings.Settings`, for a folder only. Connecting to
    the same folder twice shares one store. Raises StoreUnavailable and ValidationError.
    """
    if isinstance(location, str) and location.startswith(("http://", "https://")):
        if settings:
            raise ValidationError(f"a server has its own settings; leave out {sorted(settings)}")
        return FeatureStore(RemoteBackend(location))
    return FeatureStore(EmbeddedBackend(settings_from_environment(data=Path(location), **settings)))


class FeatureStore:
    """A connection. Close it, or use it in a `with` block, to stop its threads."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def create_feature_group(
        self,
        name: str,
        *,
        features: Any,
        record_identifier: str,
        event_time: str,
        online: bool = True,
        offline: bool = True,
        table_format: str = TableFormat.GLUE,
        storage_type: str | None = None,
        ttl: timedelta | None = None,
        s3_uri: str = _S3_URI,
        role_arn: str = _ROLE_ARN,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> "FeatureGroupHandle":
        """Creates a feature group; it can be used at once.

        features      a frame whose columns give names and types (its rows are not written), an
                      Arrow schema, or a mapping of name to "String", "Integral" or "Fractional"
        storage_type  of the online store: "Standard", "Standard_V2" (records can be updated) or
                      "InMemory" (collections; no offline store)
        ttl           how long after its event time a record is served, unless put says otherwise

        Raises ResourceInUse where the name is taken, and ValidationError.
        """
        storage = _choice(StorageType, storage_type, "storage_type") if storage_type else None
        new = NewFeatureGroup(
            name=name,
            record_identifier_name=record_identifier,
            event_time_name=event_time,
            features=_definitions(features, event_time),
            online=OnlineStoreConfig(True, storage, _ttl(ttl)) if online else None,
            offline=OfflineStoreConfig(
                s3_uri, table_format=_choice(TableFormat, table_format, "table_format")
            )
            if offline
            else None,
            role_arn=role_arn,
            description=description,
            tags=tags,
        )
        return FeatureGroupHandle(self._backend, self._backend.create(new))

    def feature_group(self, name: str) -> "FeatureGroupHandle":
        """The feature group of this name. Raises ResourceNotFound."""
        return FeatureGroupHandle(self._backend, self._backend.describe(name))

    def feature_groups(self) -> list[str]:
        """The names of all feature groups, sorted."""
        return self._backend.names()

    def delete_feature_group(self, name: str) -> None:
        """Deletes a feature group; its history stays. Raises ResourceNotFound."""
        self._backend.delete(name)

    def training_set(
        self,
        labels: Any,
        features: Sequence[str],
        *,
        event_time: str = "event_time",
        keys: Mapping[str, str] | None = None,
        as_of: datetime | None = None,
        max_age: timedelta | None = None,
    ) -> Result:
        """`labels` with the features as they were known at each label's moment.

        labels      any frame; every row comes back once, in order, with all its columns
        features    "group:feature" each, or "group:*"
        event_time  the label column that holds the moment
        keys        label column by group name, where it is not called as the record identifier
        as_of       use only what had been written to the store by then; without a zone it is UTC
        max_age     features older than this at the label's moment are null

        Raises ValidationError and ResourceNotFound.
        """
        request = TrainingSetRequest(
            features=tuple(features),
            event_time=event_time,
            keys=dict(keys) if keys else None,
            as_of_us=None if as_of is None else _microseconds(_checked(datetime, as_of, "as_of")),
            max_age_seconds=(
                None if max_age is None else _checked(timedelta, max_age, "max_age").total_seconds()
            ),
        )
        return Result(self._backend.training_set(to_arrow(labels), request))

    def sql(self, statement: str) -> Result:
        """The rows of a SELECT over history; every write that was answered is in it.

        A table is a feature group's name, in double quotes where it has hyphens. Raises
        QueryFailed.
        """
        return Result(self._backend.sql(statement))

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


class FeatureGroupHandle:
    """A feature group to write to and read from. `definition` is as of when it was looked up."""

    def __init__(self, backend: Backend, definition: FeatureGroup) -> None:
        self._backend = backend
        self.definition = definition

    @property
    def name(self) -> str:
        return self.definition.name

    def put(
        self,
        record: Mapping[str, Any],
        *,
        target_stores: Sequence[str] | None = None,
        ttl: timedelta | None = None,
    ) -> None:
        """Writes a record, given as Python values by feature name. Durable at return.

        None and NaN are left out. Raises ValidationError that names the feature and the value.
        """
        values = values_of_mapping(record, self.definition.features_by_name)
        self._backend.put(self.name, values, _targets(target_stores), _ttl(ttl))

    def get(self, identifier: Any, features: Sequence[str] = ()) -> dict[str, Any] | None:
        """The newest record as Python values by feature name, or None. `features` chooses some."""
        return self.get_many([identifier], features)[0]

    def get_many(
        self, identifiers: Sequence[Any], features: Sequence[str] = ()
    ) -> list[dict[str, Any] | None]:
        """`get` for many identifiers, in the order given."""
        texts = [self._identifier_text(identifier) for identifier in identifiers]
        if not texts:
            return []
        found = self._backend.get(self.name, texts, features)
        return [None if values is None else self._python(values) for values in found]

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
        (value,) = values_of_mapping(moment, self.definition.features_by_name)
        self._backend.delete_record(
            self.name,
            self._identifier_text(identifier),
            str(value.value),
            _choice(DeletionMode, mode, "mode"),
            _targets(target_stores),
        )

    def ingest(self, frame: Any, *, target_stores: Sequence[str] | None = None) -> int:
        """Writes every row of a frame as a record; returns how many.

        All rows are checked before the first is written. Raises ValidationError that names the row
        and the feature.
        """
        return self._backend.ingest(self.name, to_arrow(frame), _targets(target_stores))

    def __repr__(self) -> str:
        return f"<FeatureGroup {self.name!r}: {len(self.definition.features)} features>"

    def _identifier_text(self, identifier: Any) -> str:
        named = {self.definition.record_identifier_name: identifier}
        values = values_of_mapping(named, self.definition.features_by_name)
        if not values:
            raise ValidationError(f"a record identifier is missing: {identifier!r} was given")
        return str(values[0].value)

    def _python(self, values: Sequence[FeatureValue]) -> dict[str, Any]:
        features = self.definition.features_by_name
        return {name: python_value(features[name], value) for name, value in values}


def _definitions(features: Any, event_time: str) -> tuple[FeatureDefinition, ...]:
    if isinstance(features, pa.Schema):
        return infer_features(features, event_time)
    if isinstance(features, Mapping) and all(isinstance(kind, str) for kind in features.values()):
        return tuple(
            FeatureDefinition(name, _choice(FeatureType, kind, f"the type of feature {name!r}"))
            for name, kind in features.items()
        )
    if isinstance(features, list | tuple) and all(
        isinstance(feature, FeatureDefinition) for feature in features
    ):
        return tuple(features)
    return infer_features(to_arrow(features).schema, event_time)


def _checked(kind: type[_Kind], value: _Kind, name: str) -> _Kind:
    if not isinstance(value, kind):
        raise ValidationError(f"{name} {value!r} is not valid: give a {kind.__name__}")
    return value


def _choice(kind: type[_Choice], value: str, name: str) -> _Choice:
    try:
        return kind(value)
    except ValueError:
        known = [choice.value for choice in kind]
        raise ValidationError(f"{name} {value!r} is not known: use one of {known}") from None


def _ttl(ttl: timedelta | None) -> TtlDuration | None:
    if ttl is None:
        return None
    return TtlDuration(TtlUnit.SECONDS, int(_checked(timedelta, ttl, "ttl").total_seconds()))


def _targets(names: Sequence[str] | None) -> TargetStores | None:
    if names is None:
        return None
    targets = TargetStores(0)
    for name in names:
        if name not in TARGET_STORES_BY_NAME:
            raise ValidationError(
                f"target store {name!r} is not known: use {list(TARGET_STORES_BY_NAME)}"
            )
        targets |= TARGET_STORES_BY_NAME[name]
    return targets


def _microseconds(moment: datetime) -> int:
    found = from_datetime(moment)
    return found.seconds * 1_000_000 + found.nanoseconds // 1_000

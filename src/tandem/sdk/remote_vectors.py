"""Feature vectors of a store behind HTTP: one request, whatever the number of groups."""

import msgspec
import pyarrow as pa

from tandem.sdk.http import Http, json_bytes
from tandem.sdk.vector_control import VectorControl
from tandem.service.dataset_request import TrainingSetRequest
from tandem.service.feature_vectors import VectorTable

_AGES = b"Ages"


class RemoteVectors(VectorControl):
    def __init__(self, http: Http) -> None:
        self._http = http

    def read(
        self, entities: pa.Table, request: TrainingSetRequest, *, are_identifiers: bool
    ) -> VectorTable:
        members = {
            "Features": request.features,
            "Keys": request.keys,
            "MaxAgeSeconds": request.max_age_seconds,
            "AreIdentifiers": are_identifiers,
        }
        # The request travels in the schema's metadata, so that the body is one Arrow stream.
        asked = entities.replace_schema_metadata({"tandem.request": json_bytes(members)})
        found = self._http.ask_table("/tandem/feature-vectors", asked, is_question=True)
        groups = msgspec.json.decode(
            (found.schema.metadata or {}).get(_AGES, b"[]"), type=list[str]
        )
        found = found.replace_schema_metadata(None)
        features = found.num_columns - len(groups)
        columns = found.columns
        return VectorTable(
            pa.table(columns[:features], names=found.column_names[:features]),
            pa.table(columns[features:], names=groups),
        )

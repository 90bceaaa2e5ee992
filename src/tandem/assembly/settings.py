"""The settings of a store. Each can be given in code, or as TANDEM_<NAME> in the environment."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from tandem.errors import ValidationError

_BOOLEANS = {"1": True, "true": True, "on": True, "0": False, "false": False, "off": False}
_SIGNATURES = ("auto", "required", "off")
_BEGINNINGS = {
    "batch_load_folders": ("/",),
    "batch_load_s3": ("s3://",),
    "batch_load_s3_endpoint": ("http://", "https://"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a store runs.

    data                       the folder that holds everything; made where it is missing
    account_id                 the 12 digits in ARNs and in the paths of history
    region                     the region in ARNs and in the paths of history
    online_store               backend of the online store: "lmdb", "redis" (or Valkey), "memory"
                               or "module:Class"
    offline_store              backend of the offline store: "files" (Parquet or Iceberg, as each
                               group says), "memory" or "module:Class"
    registry                   backend of the registry: "sql", "memory" or "module:Class"
    query_engine               backend for SQL and joins: "duckdb", "memory" or "module:Class"
    online_map_size_bytes      the most that the online store may grow to; reserves no disk
    redis_url                  where that Redis is: redis://host:port/number, rediss:// with TLS,
                               or unix:///path; user:password@ may stand before the host
    redis_prefix               what the keys of this store begin with there: a name of its own for
                               each data folder
    redis_is_trusted           starts without a look whether Redis syncs each write before it
                               answers: for services that do not tell, and are durable otherwise
    delivery_interval_seconds  the longest a write waits before its delivery to history begins
    delivery_entries_max       entries that begin a delivery at once, and the most in one
    delivery_bytes_max         bytes of feature values in one delivery; they are held in memory
    expiry_interval_seconds    how often expired records and those of deleted groups are removed,
                               and clones that were cut short ended
    adoption_interval_seconds  how often files that other programs put into histories are looked for
    adoption_still_seconds     how long nobody must have changed such a file before it is adopted
    query_memory_bytes         memory for one query engine; beyond it, queries spill to disk. A
                               server's process of queries may have as much again beside it
    athena_queries_at_once     Athena's queries that run side by side; others wait
    athena_query_seconds_max   the longest that one of them may run
    athena_executions_max      query executions that are kept once they are over; the oldest go
    workers                    processes of a server that answer requests, side by side
    background_process         whether a server delivers and loads in a process beside the one that
                               answers requests
    query_process              whether a server carries out queries in another process beside it,
                               whose memory is bounded
    s3_gateway                 whether the server answers S3 requests for the data folder's buckets
    signatures                 whether a server answers signed requests alone: "required", "off", or
                               "auto", which requires them where there are access keys, and beyond
                               loopback addresses
    access_keys                keys that may sign, as ID:SECRET, with commas between them
    access_keys_file           a file of such keys, of the form of ~/.aws/credentials
    batch_load_folders         folders of this machine that batch loads may read and write, with
                               commas between them; none
    batch_load_s3              prefixes of S3 that they may read and write, as s3://bucket/prefix,
                               with commas between them; the store's own buckets need none
    batch_load_s3_endpoint     the URL of that S3; empty for AWS
    batch_loads_at_once        batch loads that run side by side; others wait
    batch_loads_max            batch loads that are kept once they are over; the oldest go
    """

    data: Path = Path("tandem-data")
    account_id: str = "000000000000"
    region: str = "us-east-1"
    online_store: str = "lmdb"
    offline_store: str = "files"
    registry: str = "sql"
    query_engine: str = "duckdb"
    online_map_size_bytes: int = 64 << 30
    redis_url: str = field(default="redis://localhost:6379/0", repr=False)
    redis_prefix: str = "tandem"
    redis_is_trusted: bool = False
    delivery_interval_seconds: float = 5.0
    delivery_entries_max: int = 50_000
    delivery_bytes_max: int = 64 << 20
    expiry_interval_seconds: float = 10.0
    adoption_interval_seconds: float = 30.0
    adoption_still_seconds: float = 5.0
    query_memory_bytes: int = 2 << 30
    athena_queries_at_once: int = 4
    athena_query_seconds_max: float = 1_800.0
    athena_executions_max: int = 1_000
    workers: int = 1
    background_process: bool = True
    query_process: bool = True
    s3_gateway: bool = True
    signatures: str = "auto"
    access_keys: str = field(default="", repr=False)
    access_keys_file: str = ""
    batch_load_folders: str = ""
    batch_load_s3: str = ""
    batch_load_s3_endpoint: str = ""
    batch_loads_at_once: int = 2
    batch_loads_max: int = 500

    def __post_init__(self) -> None:
        if not (len(self.account_id) == 12 and self.account_id.isdigit()):
            raise ValidationError(f"account_id {self.account_id!r} is not valid: it has 12 digits")
        for name, type_ in get_type_hints(Settings).items():
            value = getattr(self, name)
            # A whole number is a number of seconds, too.
            if not isinstance(value, (int, float) if type_ is float else type_):
                raise ValidationError(
                    f"{name} {value!r} is not valid: it is of type {type_.__name__}"
                )
            if type_ in (int, float) and not 0 < value < math.inf:
                raise ValidationError(f"{name} {value} is not valid: it must be above 0 and finite")
        if self.signatures not in _SIGNATURES:
            raise ValidationError(
                f"signatures {self.signatures!r} is not valid: it is one of {list(_SIGNATURES)}"
            )
        for name, beginnings in _BEGINNINGS.items():
            for one in listed(getattr(self, name)):
                if not one.startswith(beginnings):
                    raise ValidationError(
                        f"{name} {one!r} is not valid: it begins with {' or '.join(beginnings)}"
                    )


def settings_from_environment(
    environment: Mapping[str, str] = os.environ, **given: Any
) -> Settings:
    """Settings from TANDEM_<NAME> variables; those `given` in code win.

    Raises ValidationError that names the variable where a value does not fit.
    """
    known = get_type_hints(Settings)
    for name in given:
        if name not in known:
            raise ValidationError(f"there is no setting {name!r}; there are {sorted(known)}")
    values: dict[str, Any] = {}
    for name, type_ in known.items():
        variable = f"TANDEM_{name.upper()}"
        if variable in environment and name not in given:
            try:
                values[name] = _value_of(type_, environment[variable])
            except ValueError:
                raise ValidationError(
                    f"{variable}={environment[variable]!r} is not valid: it must be of type"
                    f" {type_.__name__}"
                ) from None
    return Settings(**values, **given)


def listed(value: str) -> list[str]:
    """The members of a setting that is a list."""
    return [one.strip() for one in value.split(",") if one.strip()]


def _value_of(type_: type, text: str) -> Any:
    """Raises ValueError where the text is no value of this type."""
    if type_ is bool:
        if text.lower() not in _BOOLEANS:
            raise ValueError(text)
        return _BOOLEANS[text.lower()]
    return type_(text)

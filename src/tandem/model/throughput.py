"""Read and write units, as AWS counts them, and the bucket that provisioned ones come out of.

* A record that is read costs a read unit for each 4 KB begun; one that is not there costs none. It
  is counted whole, however few of its features are asked for.
* A record that is written, or a delete, costs a write unit for each KB begun, and at least one.
* A record's size is that which its limit counts: names and values, in bytes of UTF-8.

Sources: "Quotas, naming rules and data types" and "Throughput modes" in the SageMaker Developer
Guide. AWS adds a small amount of metadata to each record, which it does not state; here is none.
"""

from enum import IntEnum
from typing import NamedTuple

READ_UNIT_BYTES = 4_096
WRITE_UNIT_BYTES = 1_024
BURST_SECONDS = 300
"""So long unused units are saved up, as DynamoDB does, which AWS's online store stands on."""
_RECORD_UNITS_MAX = 350
"""No record costs more: a write of 350 KB."""
_SECOND_NS = 1_000_000_000


class Direction(IntEnum):
    READ = 0
    WRITE = 1


def read_units(size_bytes: int) -> int:
    return -(-size_bytes // READ_UNIT_BYTES)


def write_units(size_bytes: int) -> int:
    return max(1, -(-size_bytes // WRITE_UNIT_BYTES))


class Bucket(NamedTuple):
    """The units that may be taken, as one moment: since then it has been filling, from nothing.

    units_per_second  the rate it was filled at; 0 before its first use
    empty_at_ns       the moment, in nanoseconds since 1970; later than now where more was taken
                      than there was
    """

    units_per_second: int = 0
    empty_at_ns: int = 0


def take(
    bucket: Bucket, units_per_second: int, needed: int, wanted: int, now_ns: int
) -> tuple[Bucket, int]:
    """What is left of the bucket, and how many units were taken: none, or `needed` and further ones
    up to `wanted`.

    A bucket begins with one second's units, also where the rate has changed. A record may cost more
    than a second brings: it passes when one second's units are there, and those behind it wait.
    """
    if units_per_second < 1:
        return bucket, 0
    empty_at_ns = bucket.empty_at_ns
    debt_ns_max = _RECORD_UNITS_MAX * _SECOND_NS // units_per_second
    if bucket.units_per_second != units_per_second:
        empty_at_ns = now_ns - _SECOND_NS
    elif empty_at_ns > now_ns + debt_ns_max:
        empty_at_ns = now_ns  # the clock was set back
    empty_at_ns = max(empty_at_ns, now_ns - BURST_SECONDS * _SECOND_NS)
    level = (now_ns - empty_at_ns) * units_per_second // _SECOND_NS
    enough = min(needed, units_per_second) if needed <= _RECORD_UNITS_MAX else needed
    if level < enough:
        return Bucket(units_per_second, empty_at_ns), 0
    taken = max(needed, min(wanted, level))
    # Rounded down: a nanosecond too many would cost the last of a second's units.
    cost_ns = taken * _SECOND_NS // units_per_second
    return Bucket(units_per_second, empty_at_ns + cost_ns), taken

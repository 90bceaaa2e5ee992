"""How records and log lie in Redis. All names begin with the prefix, in the braces of a hash tag:
they share a slot. Values are packed as `tandem.online.layout` says.

    {prefix}:meta         hash: format, owner, version, position, write time, trimmed
    {prefix}:owner        string: the owner again, where one call gives it and records
    {prefix}:r:<key>      string: a record
    {prefix}:keys         sorted set, by its bytes: the keys of all records
    {prefix}:expiries     likewise: expiry and key of each record that expires
    {prefix}:log          stream: the entry at position p has the id p-0; a segment that of its last
    {prefix}:segments     sorted set, by its bytes: position of a segment's last entry | its stage
    {prefix}:stages       hash: rows of loads, Arrow files, by name
    {prefix}:loads        hash: until when a load may go on with its stage
    {prefix}:marks        hash: by name
    {prefix}:snapshots    hash: open snapshots of the log: what they begin behind, and until when
                          they may be open
    {prefix}:calls:<id>   string: the token of a process' last change; expires
    {prefix}:trial        what commands are tried with when a store is opened; gone behind that
"""

from typing import NamedTuple

Word = bytes | int | float
Command = tuple[Word, ...]
"""A command of Redis, as its words."""

VALUE = b"v"
"""The field of an entry of the stream."""


class Names:
    """The names of one store's keys."""

    def __init__(self, prefix: str) -> None:
        self._start = f"{{{prefix}}}:".encode()
        self.meta = self._start + b"meta"
        self.owner = self._start + b"owner"
        self.keys = self._start + b"keys"
        self.expiries = self._start + b"expiries"
        self.log = self._start + b"log"
        self.segments = self._start + b"segments"
        self.stages = self._start + b"stages"
        self.loads = self._start + b"loads"
        self.marks = self._start + b"marks"
        self.snapshots = self._start + b"snapshots"
        self.trial = self._start + b"trial"
        self.record_start = self._start + b"r:"

    def record(self, key: bytes) -> bytes:
        return self.record_start + key

    def calls(self, caller: bytes) -> bytes:
        return self._start + b"calls:" + caller


class Standing(NamedTuple):
    """Where a store stood when it was read; `version` grows with every change of it. Without an
    owner, nobody has opened it, or Redis has lost it since.
    """

    owner: bytes | None
    version: int
    position: int
    write_time_us: int
    trimmed: int


STANDING_FIELDS = ("owner", "version", "position", "write_time_us", "trimmed")


def standing(values: list[bytes | None]) -> Standing:
    owner, *numbers = values
    return Standing(owner, *(int(number or 0) for number in numbers))

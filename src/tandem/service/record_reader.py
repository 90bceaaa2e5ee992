"""Reads whole records of one feature group, again and again.

What the group's definition says of such reads is looked at again only when some definition has
changed. All else is as `Records.get` does it, and left to it where more has to be looked at.
"""

from collections.abc import Callable

from tandem.model.feature_group import FeatureGroup, FeatureType
from tandem.model.limits import RECORD_IDENTIFIER_BYTES_MAX
from tandem.model.time_to_live import is_expired
from tandem.model.write import RecordKey
from tandem.online.base import OnlineStore
from tandem.service.clock import Clock
from tandem.service.feature_groups import FeatureGroups
from tandem.service.throughput import Throughput

_new_tuple = tuple.__new__  # of a named tuple's own, which takes twice as long
_NEVER_LOOKED = -1


class RecordReader:
    """group_name    a group's or an alias's
    read_as_any      gives the JSON of any record of the group, by its identifier
    """

    def __init__(
        self,
        group_name: str,
        groups: FeatureGroups,
        store: OnlineStore,
        throughput: Throughput,
        clock: Clock,
        read_as_any: Callable[[str], bytes | None],
    ) -> None:
        self._group_name = group_name
        self._groups = groups
        self._read_stamp = groups.stamp.read
        self._read_store = store.get
        self._count = throughput.read_one
        self._clock = clock
        self._read_as_any = read_as_any
        self._seen: tuple[int, FeatureGroup | None] = (_NEVER_LOOKED, None)
        """The version of the definitions, and of it the group, if its records are served whole, and
        their identifiers taken as they are.
        """

    def read(self, identifier: str) -> bytes | None:
        """The JSON of the newest record's features, or None where there is none that is not deleted
        or expired. Raises as `Records.get`.
        """
        version, group = self._seen
        if version != self._read_stamp():
            group = self._look_again()
        if (
            group is None
            or not identifier.isascii()
            or len(identifier) > RECORD_IDENTIFIER_BYTES_MAX
        ):
            return self._read_as_any(identifier)
        record = self._read_store((_new_tuple(RecordKey, (group.group_id, identifier)),))[0]
        if record is None or record.is_deleted:
            return None
        expires_at_ms = record.expires_at_ms
        if expires_at_ms is not None and is_expired(expires_at_ms, self._clock() // 1_000):
            return None
        self._count(group, record.features_json)
        return record.features_json

    def _look_again(self) -> FeatureGroup | None:
        # First the version: a group that is younger than that will be looked up once more.
        version = self._groups.version
        group = self._groups.find_for_reading(self._group_name)
        is_plain = group.is_served_whole and group.record_identifier.type is FeatureType.STRING
        found = group if is_plain else None
        self._seen = (version, found)
        return found

"""Target stores: which of a group's two stores a write is meant for."""

from enum import IntFlag


class TargetStores(IntFlag):
    """AWS's TargetStores as a set of bits; the numbers are part of the stored formats."""

    ONLINE = 1
    OFFLINE = 2

    def names(self) -> list[str]:
        """AWS's names: OnlineStore, OfflineStore."""
        return [name for store, name in _NAMES.items() if store in self]


_NAMES = {TargetStores.ONLINE: "OnlineStore", TargetStores.OFFLINE: "OfflineStore"}
TARGET_STORES_BY_NAME = {name: store for store, name in _NAMES.items()}

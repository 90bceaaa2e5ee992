"""A commit that puts files in the place of others, which hold the same rows or fewer.

* A new file has the sequence number of the first file that it replaces, so its rows stay where they
  were in the order of the table.
* The files that go must all be there in the version that the commit follows, or it fails and the
  caller looks again. Whatever else has come since stays: deliveries may come between.
* How far delivery is does not change.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pyiceberg.exceptions import ValidationException
from pyiceberg.manifest import (
    DataFile,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
)
from pyiceberg.table import Table, Transaction
from pyiceberg.table.snapshots import Operation, Summary
from pyiceberg.table.update.snapshot import _SnapshotProducer
from pyiceberg.typedef import EMPTY_DICT


class Replacement(NamedTuple):
    """What goes, and the file that comes for it; None where no row is left."""

    gone: Sequence[ManifestEntry]
    new: DataFile | None


def commit_replacements(
    table: Table,
    operation: Operation,
    replacements: Sequence[Replacement],
    properties: Mapping[str, str],
) -> None:
    """Makes one snapshot of all replacements, and sets properties of the table with it. `operation`
    says what it is to readers of the table's history.

    Raises CommitFailedException or ValidationException where it is not in the table.
    """
    transaction = Transaction(table)
    if properties:
        transaction.set_properties(dict(properties))
    _ReplaceFiles(transaction, operation, replacements).commit()
    transaction.commit_transaction()


class _ReplaceFiles(_SnapshotProducer["_ReplaceFiles"]):
    """The snapshot. It is made anew, on the version that is current then, with each attempt."""

    def __init__(
        self, transaction: Transaction, operation: Operation, replacements: Sequence[Replacement]
    ) -> None:
        # PyIceberg sums up overwrites and not replacements, which have the same sums.
        super().__init__(Operation.OVERWRITE, transaction, transaction._table.io)  # noqa: SLF001
        self._shown_operation = operation
        self._sequences: dict[str, int | None] = {}
        for replacement in replacements:
            for entry in replacement.gone:
                self.delete_data_file(entry.data_file)
            if replacement.new is not None:
                self.append_data_file(replacement.new)
                self._sequences[replacement.new.file_path] = replacement.gone[0].sequence_number

    def _manifests(self) -> list[ManifestFile]:
        gone, manifests = self._apart()
        if gone:
            manifests.insert(0, self._manifest([self._deleted(entry) for entry in gone]))
        if self._added_data_files:
            manifests.insert(
                0, self._manifest([self._added(new) for new in self._added_data_files])
            )
        return manifests

    def _apart(self) -> tuple[list[ManifestEntry], list[ManifestFile]]:
        """The entries of files that go, and manifests of all others."""
        metadata = self._transaction.table_metadata
        base = metadata.snapshot_by_id(self._parent_snapshot_id or -1)
        paths = {file.file_path for file in self._deleted_data_files}
        gone: list[ManifestEntry] = []
        manifests: list[ManifestFile] = []
        for manifest in base.manifests(self._io) if base is not None else []:
            entries = self.fetch_manifest_entry(manifest)
            if entries and manifest.content is ManifestContent.DELETES:
                raise ValidationException("another program has added delete files")
            going = [entry for entry in entries if entry.data_file.file_path in paths]
            if not going and entries:
                manifests.append(manifest)
            elif len(going) < len(entries):
                staying = [entry for entry in entries if entry.data_file.file_path not in paths]
                manifests.append(self._manifest([_existing(entry) for entry in staying]))
            gone += going
        if missing := paths - {entry.data_file.file_path for entry in gone}:
            raise ValidationException(f"files to be replaced are gone: {sorted(missing)[:3]}")
        return gone, manifests

    def _manifest(self, entries: Sequence[ManifestEntry]) -> ManifestFile:
        with self.new_manifest_writer(self.spec(entries[0].data_file.spec_id)) as writer:
            for entry in entries:
                writer.add_entry(entry)
        return writer.to_manifest_file()

    def _added(self, file: DataFile) -> ManifestEntry:
        return ManifestEntry.from_args(
            status=ManifestEntryStatus.ADDED,
            snapshot_id=self._snapshot_id,
            sequence_number=self._sequences[file.file_path],
            file_sequence_number=None,
            data_file=file,
        )

    def _deleted(self, entry: ManifestEntry) -> ManifestEntry:
        return ManifestEntry.from_args(
            status=ManifestEntryStatus.DELETED,
            snapshot_id=self._snapshot_id,
            sequence_number=entry.sequence_number,
            file_sequence_number=entry.file_sequence_number,
            data_file=entry.data_file,
        )

    def _summary(self, snapshot_properties: Mapping[str, str] = EMPTY_DICT) -> Summary:
        summary = super()._summary(dict(snapshot_properties))
        return Summary(self._shown_operation, **summary.additional_properties)

    def _validate_concurrency(self) -> None:
        """Nothing beyond what `_apart` finds: files that came since are none of this commit's."""

    def _deleted_entries(self) -> list[ManifestEntry]:
        raise NotImplementedError("_manifests does without")

    def _existing_manifests(self) -> list[ManifestFile]:
        raise NotImplementedError("_manifests does without")


def _existing(entry: ManifestEntry) -> ManifestEntry:
    return ManifestEntry.from_args(
        status=ManifestEntryStatus.EXISTING,
        snapshot_id=entry.snapshot_id,
        sequence_number=entry.sequence_number,
        file_sequence_number=entry.file_sequence_number,
        data_file=entry.data_file,
    )

"""What is remembered of files that others put into histories: documents of the registry.

adopted files of {group}    by batch: its files, each with a digest of its bytes
refused files               by the group and the file's place
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from tandem.model.adopted_files import AdoptedFile, RefusedFile, WaitingFile
from tandem.registry.base import DocumentRegistry
from tandem.service.compare_and_set import Overtaken
from tandem.service.typed_documents import TypedDocuments

_REFUSED = "refused files"
_OVERDUE = "overdue files"


class AdoptionNotes:
    def __init__(self, registry: DocumentRegistry) -> None:
        self._adopted = TypedDocuments(registry, list[AdoptedFile], "a list of adopted files")
        self._refused = TypedDocuments(registry, RefusedFile, "a note of a refused file")

        self._overdue = TypedDocuments(registry, list[WaitingFile], "a list of files that wait")

    def adopted(self, group_id: str) -> Mapping[str, AdoptedFile]:
        """The files that ever were adopted, by their paths."""
        batches = self._adopted.all(_adopted_of(group_id)).values()
        return {file.path: file for batch in batches for file in batch.value}

    def note_adopted(self, group_id: str, batch: str, files: Sequence[AdoptedFile]) -> None:
        with suppress(Overtaken):  # an earlier attempt came so far
            self._adopted.put(_adopted_of(group_id), batch, list(files), 0)

    def refused(self, group_id: str | None = None) -> list[RefusedFile]:
        """Files that are refused, of one group or of all, in the order of group and place."""
        notes = [stored.value for stored in self._refused.all(_REFUSED).values()]
        return [note for note in notes if group_id in (None, note.group_id)]

    def note_refused(self, file: RefusedFile) -> None:
        with suppress(Overtaken):
            self._refused.put(_REFUSED, _name_of(file), file, 0)

    def forget_refused(self, file: RefusedFile) -> None:
        stored = self._refused.find(_REFUSED, _name_of(file))
        if stored is not None:
            with suppress(Overtaken):
                self._refused.remove(_REFUSED, _name_of(file), stored.revision)

    def overdue(self) -> Mapping[str, Sequence[WaitingFile]]:
        """By group id, files that are overdue."""
        return {group_id: stored.value for group_id, stored in self._overdue.all(_OVERDUE).items()}

    def note_overdue(self, group_id: str, files: Sequence[WaitingFile]) -> None:
        """Notes the overdue files of a group, all there are."""
        stored = self._overdue.find(_OVERDUE, group_id)
        before = [] if stored is None else stored.value
        # Each look finds them older; that alone is no news.
        if [(one.path, one.reason) for one in before] == [(one.path, one.reason) for one in files]:
            return
        revision = 0 if stored is None else stored.revision
        with suppress(Overtaken):  # by another look, which has seen the same
            if files:
                self._overdue.put(_OVERDUE, group_id, list(files), revision)
            else:
                self._overdue.remove(_OVERDUE, group_id, revision)


def _adopted_of(group_id: str) -> str:
    return f"adopted files of {group_id}"


def _name_of(file: RefusedFile) -> str:
    return f"{file.group_id}/{file.kept_at}"

"""The files of histories of a store in this process."""

from tandem.assembly.core import Core
from tandem.model.adopted_files import FilesAdopted
from tandem.model.targets import TargetStores
from tandem.sdk.file_control import FileControl
from tandem.service.history_files import HistoryFiles


class EmbeddedFiles(FileControl):
    def __init__(self, core: Core) -> None:
        self._core = core

    def adopt(self, group_name: str, targets: TargetStores | None) -> FilesAdopted:
        return self._core.adoption.adopt(group_name, targets)

    def history(self, group_name: str) -> HistoryFiles:
        return self._core.history_files.of(group_name)

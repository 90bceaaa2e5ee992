"""What the library needs of the files of histories, wherever the store runs."""

from abc import ABC, abstractmethod

from tandem.model.adopted_files import FilesAdopted
from tandem.model.targets import TargetStores
from tandem.service.history_files import HistoryFiles


class FileControl(ABC):
    """Raises `tandem.errors`."""

    @abstractmethod
    def adopt(self, group_name: str, targets: TargetStores | None) -> FilesAdopted:
        """As `tandem.service.adoption.Adoption.adopt`."""

    @abstractmethod
    def history(self, group_name: str) -> HistoryFiles:
        """As `tandem.service.history_files.HistoryFileLists.of`."""

"""The files of histories of a store behind HTTP."""

from urllib.parse import quote

from tandem.model.adopted_files import AdoptedFile, FilesAdopted, RefusedFile, WaitingFile
from tandem.model.targets import TargetStores
from tandem.sdk.file_control import FileControl
from tandem.sdk.http import Http
from tandem.service.history_files import HistoryFiles


class RemoteFiles(FileControl):
    def __init__(self, http: Http) -> None:
        self._http = http

    def adopt(self, group_name: str, targets: TargetStores | None) -> FilesAdopted:
        request = {} if targets is None else {"TargetStores": targets.names()}
        answer = self._http.json("POST", f"{_path(group_name)}/adopt-files", request)
        return FilesAdopted(
            adopted=tuple(
                AdoptedFile(
                    path=file["Path"],
                    rows=file["Rows"],
                    size_bytes=file["SizeBytes"],
                    digest=file["Digest"],
                )
                for file in answer["Adopted"]
            ),
            repeated=tuple(answer["Repeated"]),
            refused=tuple(
                RefusedFile(
                    group_id=file["GroupId"],
                    path=file["Path"],
                    kept_at=file["KeptAt"],
                    reason=file["Reason"],
                    since_us=round(file["Since"] * 1e6),
                )
                for file in answer["Refused"]
            ),
            waiting=tuple(
                WaitingFile(
                    path=file["Path"], reason=file["Reason"], still_seconds=file["StillSeconds"]
                )
                for file in answer["Waiting"]
            ),
        )

    def history(self, group_name: str) -> HistoryFiles:
        answer = self._http.json("GET", f"{_path(group_name)}/history-files")
        return HistoryFiles(
            uris=tuple(answer["Uris"]), iceberg_metadata=answer.get("IcebergMetadata")
        )


def _path(group_name: str) -> str:
    return f"/tandem/feature-groups/{quote(group_name, safe='')}"

"""What a client asks of a batch load, checked before anything is listed or stored."""

from dataclasses import dataclass

from tandem.errors import ConflictError, ValidationError
from tandem.model.batch_load import BatchLoad, ListedFile
from tandem.rows.table_files import FileForm, form_of
from tandem.service.ingestion import OnError

_ID_LENGTH_MAX = 128
_NO_DELIMITERS = '\r\n"'


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatchLoad:
    """What a client asks for; the members are those of `tandem.model.batch_load.BatchLoad`.

    ingestion_id, failed_rows   None: one is made
    """

    group_name: str
    location: str
    form: str | None = None
    delimiter: str | None = None
    target_stores: tuple[str, ...] = ()
    on_error: str = OnError.RAISE.value
    ingestion_id: str | None = None
    failed_rows: str | None = None


def check_request(new: NewBatchLoad) -> None:
    """Raises ValidationError that names the member and quotes the value."""
    for what, value, known in (
        ("format", new.form, list(FileForm)),
        ("on_error", new.on_error, list(OnError)),
    ):
        if value is not None and value not in known:
            names = [one.value for one in known]
            raise ValidationError(f"{what} {value[:64]!r} is not valid: use one of {names}")
    given = new.delimiter
    if given is not None and (len(given) != 1 or not given.isascii() or given in _NO_DELIMITERS):
        raise ValidationError(f"delimiter {given[:64]!r} is not valid: give one ASCII character")
    if new.ingestion_id is not None and not 1 <= len(new.ingestion_id) <= _ID_LENGTH_MAX:
        raise ValidationError(
            f"ingestion_id {new.ingestion_id[:64]!r} is not valid: it has 1 to {_ID_LENGTH_MAX}"
            " characters"
        )


def check_forms(files: tuple[ListedFile, ...]) -> None:
    """Raises ValidationError where a file's ending does not tell how its table is written."""
    for file in files:
        try:
            form_of(file.uri)
        except ValidationError as error:
            raise ValidationError(f"{error}; or say the format") from None


def check_same_input(
    earlier: BatchLoad, earlier_files: tuple[ListedFile, ...], files: tuple[ListedFile, ...]
) -> None:
    """Raises ConflictError where files that an earlier load has done are not the first ones, as
    they were: rows would be lost or twice.
    """
    done = earlier.progress.files_done
    if files[:done] != earlier_files[:done]:
        first = next(
            (old.uri for old, new in zip(earlier_files[:done], files, strict=False) if old != new),
            earlier_files[min(len(files), done - 1)].uri,
        )
        raise ConflictError(
            f"batch load {earlier.batch_load_id} has loaded {first} and others under the ingestion"
            f" id {earlier.ingestion_id!r}, and the files at {earlier.location!r} are others now:"
            " put them back, or give another ingestion id"
        )

"""What an advance of a manifest must satisfy, whichever registry stores it.

A manifest only grows: positions never step back, and a new file comes after every older one. The
checks are pure; each registry runs them inside its own transaction.
"""

from collections.abc import Mapping, Sequence

from tandem.errors import ConflictError
from tandem.model.history import DataFile


def check_positions(expected: Mapping[int, int], delivered: Mapping[int, int]) -> None:
    """Raises ValueError where the caller's own positions make no sense together."""
    if expected.keys() != delivered.keys():
        raise ValueError(
            f"an advance names partitions {sorted(expected)} as expected"
            f" and {sorted(delivered)} as delivered; they must be the same"
        )
    for partition, position in delivered.items():
        if position < expected[partition]:
            raise ValueError(
                f"an advance cannot step back in partition {partition},"
                f" from {expected[partition]} to {position}"
            )


def check_sequences(group_id: str, files: Sequence[DataFile], sequence_max: int) -> None:
    """Raises ConflictError where a file would not come after all that are stored.

    `sequence_max` is the greatest stored sequence of the group, 0 where it has no file.
    """
    sequences = [file.sequence for file in files]
    if len(set(sequences)) < len(sequences):
        raise ConflictError(f"two new files of {group_id!r} have the same sequence: {sequences}")
    if sequences and min(sequences) <= sequence_max:
        raise ConflictError(
            f"a new file of {group_id!r} has sequence {min(sequences)},"
            f" but {sequence_max} is taken: read the manifest again"
        )


def manifest_conflict(group_id: str, partition: int, expected: int) -> ConflictError:
    return ConflictError(
        f"the manifest of {group_id!r} does not stand at position {expected} of log partition"
        f" {partition}: another delivery was faster; read the manifest again"
    )


def path_conflict(group_id: str) -> ConflictError:
    return ConflictError(
        f"a new file of {group_id!r} is in its manifest already: read the manifest again"
    )


def delivery_conflict(partition: int) -> ConflictError:
    return ConflictError(
        f"delivery of log partition {partition} does not stand where it was expected:"
        " another delivery was faster; read its state again"
    )

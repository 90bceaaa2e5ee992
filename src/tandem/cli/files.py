"""The commands about the files of a history: `tandem adopt` and `tandem files`."""

from dataclasses import asdict

import click

from tandem.cli.group_names import group_name_argument
from tandem.cli.output import Failure, print_json, print_line, print_outcome
from tandem.cli.store_option import with_store
from tandem.sdk.store import FeatureStore


@click.command()
@group_name_argument
@click.option(
    "--target-store",
    "target_stores",
    multiple=True,
    help="OfflineStore, and OnlineStore too if wanted; may be repeated.",
)
@with_store
def adopt(store: FeatureStore, as_json: bool, name: str, target_stores: tuple[str, ...]) -> None:
    """Make rows of files that others have put there.

    They are Parquet, below the folder data of a history. Exit code 1 where files are refused or
    wait to be whole.
    """
    done = store.feature_group(name).adopt_files(target_stores=target_stores or None)
    files = f"{len(done.adopted)} file{'s' if len(done.adopted) != 1 else ''}"
    rows = f"{done.rows} row{'s' if done.rows != 1 else ''}"
    print_outcome(as_json, asdict(done), f"adopted {files} with {rows} in {name}")
    left = [
        f"{file.path} is refused and lies in {file.kept_at}: {file.reason}" for file in done.refused
    ]
    left += [f"{file.path} waits: {file.reason}" for file in done.waiting]
    if left:
        raise Failure("; ".join(left))


@click.command()
@group_name_argument
@with_store
def files(store: FeatureStore, as_json: bool, name: str) -> None:
    """List the files of a history.

    They are Parquet, and hold all that is written by now.
    """
    found = store.feature_group(name).files()
    if as_json:
        print_json(
            {
                "uris": list(found.uris),
                "iceberg_metadata": found.iceberg_metadata,
                "spark_schema": found.spark_schema,
            }
        )
        return
    for uri in found.uris:
        print_line(uri)

"""Commands that make, change and delete feature groups: create, update, delete."""

from collections.abc import Mapping, Sequence

import click
import pyarrow as pa
from click.core import ParameterSource

from tandem.cli.file_arguments import declarations_file, table_file
from tandem.cli.group_names import group_name_argument
from tandem.cli.name_value import pairs_option
from tandem.cli.output import print_json, print_line, print_outcome
from tandem.cli.store_option import with_store
from tandem.errors import ResourceInUse, ValidationError
from tandem.sdk.declaration import Declared, DeclaredGroup
from tandem.sdk.group import FeatureGroupHandle
from tandem.sdk.listing import group_summary
from tandem.sdk.store import FeatureStore


def _check_usage(name: str | None, declared: object, like: object, **options: object) -> None:
    given = _options_given()
    if declared is not None and (name is not None or given):
        raise click.UsageError(
            f"-f PATH says everything: leave out {given[0] if given else 'NAME'}"
        )
    if declared is None and (name is None or like is None):
        raise click.UsageError("give either -f PATH, or NAME and --like FILE")
    is_complete = options["record_identifier"] and options["event_time"]
    if like is not None and not is_complete:
        raise click.UsageError("--like needs --record-identifier and --event-time")


def _options_given() -> list[str]:
    """The options of the command line beside -f and those of every command."""
    context = click.get_current_context()
    common = {"declared", "name", "location", "as_json"}
    return [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in common
        and context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    ]


@click.command()
@click.argument("name", required=False)
@click.option(
    "-f",
    "--file",
    "declared",
    type=declarations_file,
    metavar="PATH",
    help="YAML that declares the feature group.",
)
@click.option(
    "--like",
    type=table_file,
    metavar="FILE",
    help="CSV, Parquet or JSON lines whose columns are the features.",
)
@click.option("--record-identifier", help="With --like: the feature that identifies a record.")
@click.option("--event-time", help="With --like: the feature that holds the event time.")
@pairs_option(
    "--type",
    "types",
    "FEATURE=TYPE",
    help="With --like: String, Integral or Fractional, where the sample misleads.",
)
@click.option("--online/--no-online", default=True, help="With --like: an online store.")
@click.option("--offline/--no-offline", default=True, help="With --like: an offline store.")
@click.option("--table-format", default="Glue", help="With --like: Glue (Parquet) or Iceberg.")
@click.option("--ttl", help="With --like: time to live of records, as '30 days'.")
@click.option("--description", help="With --like: what the feature group is for.")
@pairs_option("--tag", "tags", "KEY=VALUE", help="With --like: a tag; may be repeated.")
@with_store(may_make=True, before=_check_usage)
def create(
    store: FeatureStore,
    as_json: bool,
    name: str | None,
    declared: Sequence[Declared] | None,
    like: pa.Table | None,
    record_identifier: str,
    event_time: str,
    types: Mapping[str, str],
    online: bool,
    offline: bool,
    table_format: str,
    ttl: str | None,
    description: str | None,
    tags: Mapping[str, str],
) -> None:
    """Create a feature group.

    Either from a declaration (-f PATH), or as NAME from a sample of its data (--like FILE).
    """
    if declared is not None:
        groups = _create_declared(store, declared)
    else:
        assert name is not None
        groups = [
            store.create_feature_group(
                name,
                features=like,
                types=types,
                record_identifier=record_identifier,
                event_time=event_time,
                online=online,
                offline=offline,
                table_format=table_format,
                ttl=ttl,
                description=description,
                tags=tags,
            )
        ]
    _say(groups, as_json, "created")


def _create_declared(store: FeatureStore, declared: Sequence[Declared]) -> list[FeatureGroupHandle]:
    groups = [one for one in declared if isinstance(one, DeclaredGroup)]
    if len(groups) < len(declared):
        raise ValidationError("aliases are declared, too: use 'tandem apply -f'")
    existing = set(store.groups().names)
    for group in groups:
        if group.feature_group in existing:
            raise ResourceInUse(
                f"there is a feature group {group.feature_group!r} already: use 'tandem apply"
                " -f' to change it"
            )
    store.plan(groups).apply()
    return [store.feature_group(group.feature_group) for group in groups]


@click.command()
@group_name_argument
@pairs_option(
    "--add-feature",
    "additions",
    "NAME=TYPE",
    help="String, Integral or Fractional; may be repeated.",
)
@click.option("--ttl", help="Time to live of later records, as '30 days'; 'none' removes it.")
@click.option("--storage-type", help="Standard_V2, which Standard can become.")
@click.option("--throughput-mode", help="OnDemand or Provisioned.")
@click.option("--read-units", type=int, help="Provisioned read capacity.")
@click.option("--write-units", type=int, help="Provisioned write capacity.")
@with_store
def update(
    store: FeatureStore,
    as_json: bool,
    name: str,
    additions: Mapping[str, str],
    ttl: str | None,
    storage_type: str | None,
    throughput_mode: str | None,
    read_units: int | None,
    write_units: int | None,
) -> None:
    """Change a feature group.

    Add features; change its time to live, storage type or throughput.
    """
    if not _options_given():
        raise click.UsageError("say what to change, as with --add-feature or --ttl")
    removes_ttl = ttl is not None and ttl.lower() == "none"
    group = store.feature_group(name)
    group.update(
        add_features=additions or None,
        ttl=None if removes_ttl else ttl,
        remove_ttl=removes_ttl,
        storage_type=storage_type,
        throughput_mode=throughput_mode,
        read_units=read_units,
        write_units=write_units,
    )
    _say([group], as_json, "updated")


@click.command()
@group_name_argument
@with_store
def delete(store: FeatureStore, as_json: bool, name: str) -> None:
    """Delete a feature group.

    Its records are gone; its history stays in the offline store.
    """
    store.delete_feature_group(name)
    print_outcome(as_json, {"deleted": name}, f"deleted {name}")


def _say(groups: list[FeatureGroupHandle], as_json: bool, done: str) -> None:
    if as_json:
        print_json([group_summary(group.definition, group.tags) for group in groups])
    else:
        print_line(f"{done} {', '.join(group.name for group in groups)}")

"""`tandem`: serve a store, look at it, change it, read and write records, run SQL, make training
sets.

Exit codes: 0 done; 1 the store refused or failed, in one line on standard error; 2 wrong usage;
3 `apply --plan` found something to do.
"""

import sys
from io import TextIOWrapper

import click

from tandem.cli.lazy_group import LazyCommand, LazyGroup

SECTIONS = {
    "Server": {
        "serve": LazyCommand("tandem.cli.serve:serve", "Serve a store over HTTP until stopped."),
        "access-keys": LazyCommand(
            "tandem.cli.access_keys:access_keys", "Say who may sign requests to a server."
        ),
        "env": LazyCommand(
            "tandem.cli.env:env", "Print what sends this shell's AWS clients to a server."
        ),
    },
    "Feature groups": {
        "groups": LazyCommand("tandem.cli.discovery:groups", "List feature groups."),
        "search": LazyCommand("tandem.cli.discovery:search", "Find feature groups, or features."),
        "describe": LazyCommand("tandem.cli.discovery:describe", "Describe a feature group."),
        "create": LazyCommand("tandem.cli.groups:create", "Create a feature group."),
        "update": LazyCommand("tandem.cli.groups:update", "Change a feature group."),
        "delete": LazyCommand("tandem.cli.groups:delete", "Delete a feature group."),
        "apply": LazyCommand("tandem.cli.apply:apply", "Make the store as YAML files declare it."),
        "tags": LazyCommand("tandem.cli.labels:tags", "Show or change a feature group's tags."),
        "feature": LazyCommand(
            "tandem.cli.labels:feature", "Show or change what is said of a feature."
        ),
        "retire": LazyCommand("tandem.cli.retirement:retire", "Hide a feature from readers."),
        "restore": LazyCommand("tandem.cli.retirement:restore", "Show a retired feature again."),
        "clone": LazyCommand("tandem.cli.clone:clone", "Copy a feature group into other types."),
        "alias": LazyCommand("tandem.cli.alias:alias", "List, set or remove an alias."),
        "usage": LazyCommand("tandem.cli.usage:usage", "Show what a feature group was used for."),
        "cost": LazyCommand("tandem.cli.cost:cost", "Compare what a workload costs."),
    },
    "Records and history": {
        "put": LazyCommand("tandem.cli.records:put", "Write a record."),
        "get": LazyCommand("tandem.cli.records:get", "Read the newest records."),
        "list-records": LazyCommand(
            "tandem.cli.records:list_records", "List the identifiers of records."
        ),
        "delete-record": LazyCommand("tandem.cli.records:delete_record", "Delete a record."),
        "ingest": LazyCommand("tandem.cli.ingest:ingest", "Write every row of a file."),
        "stream": LazyCommand(
            "tandem.cli.stream:stream", "Write what Kafka's or Kinesis' messages say, each once."
        ),
        "batch-load": LazyCommand(
            "tandem.cli.batch_loads:batch_load", "Have the store load files, in the background."
        ),
        "adopt": LazyCommand(
            "tandem.cli.files:adopt", "Make rows of files that others have put there."
        ),
        "files": LazyCommand("tandem.cli.files:files", "List the files of a history."),
        "query": LazyCommand("tandem.cli.query:query", "Run a SQL SELECT over history."),
        "dataset": LazyCommand(
            "tandem.cli.datasets:dataset", "Make training sets; say what they were made of."
        ),
    },
    "Shell": {
        "completion": LazyCommand(
            "tandem.cli.completion:completion", "Print the script that completes commands."
        ),
    },
}


@click.group(
    cls=LazyGroup,
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="tandem-feature-store", prog_name="tandem")
def main() -> None:
    """An open feature store that speaks the Amazon SageMaker Feature Store API."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character gets its escape, not a traceback.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

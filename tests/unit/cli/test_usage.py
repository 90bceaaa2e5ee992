"""Wrong usage: exit code 2, how the command is used, and what is wrong."""

from pathlib import Path

import pytest
from click.testing import CliRunner

import tandem
from tandem.cli import main

KEYS = ["--record-identifier", "id", "--event-time", "t"]
FILES = {
    "sample.csv": "id,t\na,2024-01-01T00:00:00Z\n",
    "alias.yaml": "alias: a\nfeature_group: g\n",
}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["put", "g", "no-value"], "'no-value' is not FEATURE=VALUE"),
        (["put", "g", "a=1", "a=2"], "'a' is given twice"),
        (["put", "g", "id=\udcff"], "is not text in UTF-8"),
        (["get", "g"], "IDENTIFIER"),
        (["get", "g", "\udcff"], "is not text in UTF-8"),
        (["update", "g"], "say what to change"),
        (["update", "g", "--read-units", "many"], "'many'"),
        (["tags", "g", "a=1", "--remove", "a"], "'a' is to be added and removed"),
        (["feature", "g", "id", "--parameter", "a=1", "--remove", "a"], "added and removed"),
        (["search", "--parameter", "a=1"], "--parameter needs --features"),
        (["search", "--features", "--tag", "a=1"], "leave out --features"),
        (["create"], "give either -f PATH, or NAME and --like FILE"),
        (["create", "x"], "give either -f PATH"),
        (["create", "--like", "sample.csv"], "give either -f PATH"),
        (["create", "x", "--like", "sample.csv"], "--like needs --record-identifier"),
        (["create", "x", "--like", "nothing.csv", *KEYS], "'nothing.csv' does not exist"),
        (["create", "x", "--like", ".", *KEYS], "is a directory"),
        (["create", "x", "-f", "alias.yaml"], "-f PATH says everything: leave out NAME"),
        (["create", "-f", "alias.yaml", "--ttl", "1 day"], "leave out --ttl"),
        (["create", "-f", "alias.yaml", "--no-online"], "leave out --online"),
        (["ingest", "g", "."], "is a directory"),
        (["list-records", "g", "--limit", "0"], "--limit"),
        (["delete-record", "g", "a"], "--event-time"),
        (["alias", "one"], "name the feature group"),
        (["alias", "one", "two", "--remove"], "--remove takes ALIAS"),
        (["alias", "--remove"], "--remove takes ALIAS"),
        (["apply"], "--file"),
        (["apply", "-f", "nothing"], "'nothing' does not exist"),
        (["dataset", "make", "sample.csv"], "--feature"),
        (["dataset", "make", "nothing.csv", "--feature", "g:x"], "'nothing.csv' does not exist"),
        (["dataset", "make", "sample.csv", "--feature", "a=g:x", "--feature", "a=g:y"], "'a'"),
        (
            [
                *("dataset", "make", "sample.csv", "--feature", "g:x"),
                *("--max-age", "1 day", "--max-age", "g=1 day"),
            ],
            "write GROUP=DURATION",
        ),
        (["dataset", "show"], "ID"),
        (["completion", "tcsh"], "'tcsh'"),
        (["serve", "--port", "70000"], "70000"),
    ],
    ids=lambda value: (
        " ".join(value).encode("ascii", "replace").decode() if isinstance(value, list) else ""
    ),
)
def test_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    with tandem.connect(tmp_path / "data") as store:
        store.create_feature_group(
            "g", features={"id": "String", "t": "String"}, record_identifier="id", event_time="t"
        )
        monkeypatch.chdir(tmp_path)
        shown = CliRunner(env={"TANDEM_STORE": "data"}).invoke(main, arguments)
        assert shown.exit_code == 2, shown.output
        assert shown.output.startswith("Usage: ")
        command = " ".join(arguments[: 2 if arguments[0] == "dataset" else 1])
        assert f"\nTry 'main {command} --help' for help.\n" in shown.output
        assert said in shown.output
        assert store.groups().names == ["g"]

"""`tandem apply`: from nothing to a store as it is declared, and on to the next declaration."""

from pathlib import Path

import pytest

import tandem
from e2e.command_line import CommandLine, CommandProcess
from e2e.server_process import ServerProcess
from tandem.errors import ResourceNotFound, StoreUnavailable, ValidationError
from tandem.sdk.plan import Plan

ROOT = Path(__file__).parents[2]

FIRST = """
feature_group: {name}
record_identifier: customer_id
event_time: event_time
description: One record a customer
features:
  customer_id: String
  event_time: String
  orders: {{type: Integral, description: so far, parameters: {{unit: orders, pii: no}}}}
  segment: {{type: String, description: of marketing, parameters: {{source: crm}}}}
  old: {{type: String, retired: true}}
online: {{ttl: 30 days}}
tags: {{team: growth, tier: gold}}
---
feature_group: {name}-v2
record_identifier: customer_id
event_time: event_time
features: {{customer_id: String, event_time: String, orders: Fractional}}
---
alias: {name}-now
feature_group: {name}
"""
SECOND = """
feature_group: {name}
record_identifier: customer_id
event_time: event_time
features:
  customer_id: String
  event_time: String
  orders: {{type: Integral, description: now, parameters: {{unit: pieces}}}}
  segment: {{type: String, retired: true}}
  old: String
  spend: Fractional
online: {{ttl: 60 days}}
throughput: {{mode: Provisioned, read_units: 500, write_units: 400}}
tags: {{team: risk}}
---
alias: {name}-now
feature_group: {name}-v2
"""
THIRD = """
feature_group: {name}
record_identifier: customer_id
event_time: event_time
features:
  customer_id: String
  event_time: String
  orders: Integral
  segment: {{type: String, parameters: {{}}}}
  old: String
  spend: Fractional
"""


@pytest.fixture
def cli(location: str, tmp_path: Path) -> CommandLine:
    (tmp_path / "shop").mkdir()
    return CommandLine(location, tmp_path)


def declare(cli: CommandLine, text: str, name: str) -> None:
    (cli.folder / "shop" / "customers.yaml").write_text(text.format(name=name))


def changes(process: CommandProcess) -> list[str]:
    return [
        f"{step['sign']} {step['target']}: {step['change']}"
        for step in process.json("apply", "-f", "shop")
    ]


def test_a_store_becomes_what_its_files_declare(
    cli: CommandLine, store: tandem.FeatureStore
) -> None:
    name = "shop"
    # What another process changed is seen at once.
    process = CommandProcess(cli.location, cli.folder)
    declare(cli, FIRST, name)
    assert changes(process) == [
        "+ shop: new feature group, 5 features, online and offline",
        "- shop: feature old: retired",
        "+ shop: feature orders: description 'so far', parameter unit=orders, parameter pii=no",
        "+ shop: feature segment: description 'of marketing', parameter source=crm",
        "+ shop-v2: new feature group, 3 features, online and offline",
        "+ shop-now: alias of shop",
    ]
    assert cli("apply", "-f", "shop") == "nothing to do\n"
    assert cli("apply", "-f", "shop", "--plan") == "nothing to do\n"
    _check_first(store, name)

    declare(cli, SECOND, name)
    planned = cli("apply", "-f", "shop", "--plan", code=3).splitlines()
    assert planned[-1] == "9 changes to make"
    _check_first(store, name)
    done = process("apply", "-f", "shop").splitlines()
    assert done[-1] == "9 changes made"
    assert done[:-1] == planned[:-1]
    assert sorted(done[:-1]) == [
        "+ shop: feature old: restored",
        "+ shop: features spend (Fractional)",
        "- shop: feature segment: retired",
        "- shop: tags tier",
        "~ shop-now: alias of shop-v2, was of shop",
        "~ shop: feature orders: description 'now', parameter unit=pieces, without parameter pii",
        "~ shop: tag team=risk, was growth",
        "~ shop: throughput: OnDemand -> Provisioned, 500 read units, 400 write units",
        "~ shop: time to live: 30 days -> 60 days",
    ]
    _check_second(store, name)
    assert cli("apply", "-f", "shop") == "nothing to do\n"

    declare(cli, THIRD, name)
    assert changes(process) == [
        "+ shop: feature segment: restored",
        "~ shop: time to live: 60 days -> none",
        "~ shop: feature segment: without parameter source",
    ]
    said = store.feature_group(name).describe_feature("segment")
    assert (said.description, said.parameters) == ("of marketing", {})
    assert store.aliases()[f"{name}-now"] == f"{name}-v2", "what no file names is left alone"
    assert cli("apply", "-f", "shop") == "nothing to do\n"


def _check_first(store: tandem.FeatureStore, name: str) -> None:
    found = store.describe(name).as_dict()
    assert [one["name"] for one in found["features"]] == [
        *("customer_id", "event_time", "orders", "segment")
    ]
    assert found["features"][2]["parameters"] == {"unit": "orders", "pii": "no"}
    assert found["retired_features"] == ["old"]
    assert (found["ttl"], found["tags"]) == ("30 days", {"team": "growth", "tier": "gold"})
    assert found["aliases"] == [f"{name}-now"]


def _check_second(store: tandem.FeatureStore, name: str) -> None:
    found = store.describe(name).as_dict()
    assert [one["name"] for one in found["features"]] == [
        *("customer_id", "event_time", "orders", "old", "spend")
    ]
    assert found["features"][2] == {
        "name": "orders",
        "type": "Integral",
        "description": "now",
        "parameters": {"unit": "pieces"},
    }
    assert found["retired_features"] == ["segment"]
    assert (found["ttl"], found["tags"]) == ("60 days", {"team": "risk"})
    assert found["description"] == "One record a customer"
    assert found["aliases"] == []
    assert store.aliases()[f"{name}-now"] == f"{name}-v2"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("orders: Integral", "orders: String", "cannot become String: clone"),
        ("  spend: Fractional\n", "", "'spend' of 'refused' is not declared"),
        ("event_time: event_time", "event_time: customer_id", "event_time of 'refused' is"),
        ("features:", "offline: false\nfeatures:", "has an offline store, which cannot be changed"),
        ("features:", "tags: {'a;b': c}\nfeatures:", "'a;b'"),
        ("features:", "role_arn: nobody\nfeatures:", "'nobody'"),
        ("orders: Integral", "orders: {type: Integral, retired: yes}", "retired: Expected `bool`"),
    ],
)
def test_a_plan_with_one_impossible_change_changes_nothing(
    cli: CommandLine, store: tandem.FeatureStore, before: str, after: str, said: str
) -> None:
    name = "refused"
    plain = THIRD.format(name=name)
    (cli.folder / "shop" / "b.yaml").write_text(plain)
    cli("apply", "-f", "shop")
    state = store.groups().rows, store.describe(name).as_dict(), store.aliases()
    (cli.folder / "shop" / "a.yaml").write_text(FIRST.format(name="never-made"))
    (cli.folder / "shop" / "b.yaml").write_text(plain.replace(before, after))
    for arguments in ([], ["--plan"]):
        assert said in cli("apply", "-f", "shop", *arguments, code=1)
    assert (store.groups().rows, store.describe(name).as_dict(), store.aliases()) == state


def test_the_examples_apply_and_are_readable(cli: CommandLine, store: tandem.FeatureStore) -> None:
    examples = ROOT / "examples/declarations"
    assert cli("apply", "-f", str(examples), "--plan", code=3)
    assert store.plan(examples)[0].target == "customer-features"
    cli("apply", "-f", str(examples))
    assert len(store.plan(examples)) == 0
    group = store.feature_group("customer-features")
    group.put({"customer_id": "C1", "event_time": "2999-01-01T00:00:00Z", "orders": 1})
    assert store.feature_group("customers").get("C1", ["orders"]) == {"orders": 1}
    assert "team=growth" in repr(store.search(tags={"team": "growth"}))


def test_a_plan_in_a_program(store: tandem.FeatureStore, tmp_path: Path, name: str) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(THIRD.format(name=name))
    plan = store.plan(path)
    assert repr(plan) == "\n".join(str(step) for step in plan)
    done: list[object] = []
    plan.apply(done.append)
    assert done == list(plan)
    assert repr(store.plan(str(path))) == "(nothing to do)"


def test_what_others_change_meanwhile_is_said(
    store: tandem.FeatureStore, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(THIRD.format(name=name))
    store.plan(path).apply()
    path.write_text(SECOND.format(name=name).partition("---")[0])
    plan = store.plan(path)
    store.delete_feature_group(name)
    with pytest.raises(ResourceNotFound, match=rf"0 of {len(plan)} changes were made; apply again"):
        plan.apply()
    store.plan(path).apply()
    assert len(store.plan(path)) == 0


def test_a_group_that_is_declared_under_the_name_of_an_alias(
    store: tandem.FeatureStore, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(THIRD.format(name=name))
    store.plan(path).apply()
    store.set_alias(f"{name}-a", name)
    path.write_text(THIRD.format(name=f"{name}-a"))
    with pytest.raises(ValidationError, match="is an alias of"):
        store.plan(path)


def test_a_server_that_goes_away_is_said(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(THIRD.format(name="g"))
    with ServerProcess(tmp_path / "data") as server, tandem.connect(server.url) as store:
        plan = store.plan(tmp_path / "one.yaml")
        server.kill()
        with pytest.raises(StoreUnavailable, match="0 of 1 changes were made"):
            plan.apply()


@pytest.mark.parametrize("feature", ["one", "many", "near"])
def test_a_retired_feature_of_another_kind_is_refused_as_a_whole(
    store: tandem.FeatureStore, tmp_path: Path, name: str, feature: str
) -> None:
    """It would be refused only when the steps before it are done, if a plan did not see it."""
    kinds = {
        "one": "String",
        "many": "{type: String, collection: List}",
        "near": "{type: Fractional, collection: Vector, dimension: 2}",
    }
    others = {
        "one": "{type: String, collection: List}",
        "many": "String",
        "near": "{type: Fractional, collection: Vector, dimension: 3}",
    }
    group = f"{name}-{feature}"[-60:].strip("-")

    def plan(described: str, **features: str) -> Plan:
        declared = "".join(f"  {one}: {kind}\n" for one, kind in features.items())
        (tmp_path / "group.yaml").write_text(
            f"feature_group: {group}\nrecord_identifier: id\nevent_time: t\n{described}\n"
            f"online: {{storage_type: InMemory}}\noffline: false\n"
            f"features:\n  id: String\n  t: String\n{declared}"
        )
        return store.plan(tmp_path)

    plan("tags: {step: first}", **kinds).apply()
    for retired in kinds:
        store.feature_group(group).retire_feature(retired)
    with pytest.raises(ValidationError, match=f"'{feature}' of '{group}' is .* cannot become"):
        plan("tags: {step: second}", **{**kinds, feature: others[feature]})
    assert store.feature_group(group).tags == {"step": "first"}
    plan("tags: {step: second}", **kinds).apply()
    assert store.feature_group(group).retired_features() == []

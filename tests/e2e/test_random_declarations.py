"""Declarations made at random, one after the other: what is applied leaves nothing to do.

A folder and a server, so that a plan is made of what either of them tells of a store.
"""

import random
from pathlib import Path
from typing import Any

import yaml

import tandem

DECLARATIONS = 30
FEATURES = {"a": "Integral", "b": "String", "c": "Fractional"}


def declared(chance: random.Random) -> dict[str, Any]:
    """A feature group, with some of the members that may change."""
    changing = {
        "tags": [{}, {"x": "1"}, {"x": "2", "y z": ""}],
        "throughput": [
            {"mode": "OnDemand"},
            {"mode": "Provisioned", "read_units": 500, "write_units": 500},
            {"mode": "Provisioned", "write_units": 7},
        ],
        "online": [True, {"ttl": "3 days"}, {"ttl": "72 hours"}],
    }
    given = {member: chance.choice(values) for member, values in changing.items()}
    return {
        "feature_group": "random",
        "record_identifier": "id",
        "event_time": "t",
        "features": {
            "id": "String",
            "t": "String",
            **{name: feature(chance, kind) for name, kind in FEATURES.items()},
        },
        **{member: value for member, value in given.items() if chance.random() < 0.5},
    }


def feature(chance: random.Random, kind: str) -> dict[str, Any]:
    said = {
        "description": ["", "one", "é"],
        "parameters": [{}, {"k": "v"}, {"k": "w", "l": "x"}],
        "retired": [True],
    }
    given = {member: chance.choice(values) for member, values in said.items()}
    return {"type": kind} | {
        member: value for member, value in given.items() if chance.random() < 0.5
    }


def test_what_is_applied_leaves_nothing_to_do(store: tandem.FeatureStore, tmp_path: Path) -> None:
    chance = random.Random(1)
    changed = 0
    for _ in range(DECLARATIONS):
        (tmp_path / "group.yaml").write_text(yaml.safe_dump(declared(chance)))
        plan = store.plan(tmp_path)
        plan.apply()
        changed += len(plan) > 0
        assert repr(store.plan(tmp_path)) == "(nothing to do)"
    assert changed > DECLARATIONS / 2

"""Checks data sets that another process asks for: a case is a line of JSON, and so is its answer.

dataset_cases.py VERSION

    {"early": {group: calls}, "late": {group: calls}, "base": group or labels,
     "joins": [group], "join_options": [{}], "options": {}}
    {"failure": null, or what was wrong}

Calls are those of `random_history`, labels are [key, moment, bought].
"""

import json
import os
import sys
import traceback
from importlib import import_module

import pandas as pd
import patience  # noqa: F401
from dataset_variants import Variants
from random_history import text_time

answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # the SDK prints, too
sdk = import_module(f"sdk_{sys.argv[1]}").Sdk()


def labels(rows):
    return pd.DataFrame(
        {
            "id": pd.Series([row[0] for row in rows], dtype="object"),
            "time": pd.Series([text_time(row[1]) for row in rows], dtype="object"),
            "bought": [row[2] for row in rows],
        }
    )


def failure(number, case):
    """None where the data set is that of pandas, else why it is not."""
    variants = Variants(sdk, case["early"], case["late"], f"-case-{number}")
    base = case["base"]
    try:
        variants.check(
            base if isinstance(base, str) else labels(base),
            case["joins"],
            case["join_options"],
            **case["options"],
        )
    except Exception:  # noqa: BLE001 - whatever it is, the other process says it
        return traceback.format_exc()
    finally:
        for group in variants.groups.values():
            group.delete()
    return None


for number, line in enumerate(sys.stdin):
    print(json.dumps({"failure": failure(number, json.loads(line))}), file=answers, flush=True)

"""Every variant of the SDK's builder of data sets, against a computation in pandas.

What differs between the SDK's versions is in the `sdk` that is passed in:

    create(name, is_text_time)           a feature group of id, time, amount, items
    put(group, values), delete(group, key, time)
    builder(base, **named)               of a group or a frame
    comparators, join_kinds              the SDK's enums
    spells_wrong(choices)                whether this version's SQL is none
"""

import math
import threading
import time
from datetime import UTC, datetime
from functools import partial

import pandas as pd
from botocore.exceptions import ClientError
from expected_dataset import Choices, Join, expected, same_rows
from random_history import HOUR, START, history, random_calls, seconds_of, text_time
from refusal import refused

IS_TEXT = {"texts": True, "reals": False, "third": True}
STEPS = {
    "is_point_in_time": lambda builder, _: builder.point_in_time_accurate_join(),
    "with_duplicates": lambda builder, _: builder.include_duplicated_records(),
    "with_deleted": lambda builder, _: builder.include_deleted_records(),
    "is_as_of": lambda builder, moment: builder.as_of(moment),
    "recent": lambda builder, n: builder.with_number_of_recent_records_by_record_identifier(n),
}


class Variants:
    """Histories of feature groups, by name: `late` was written after the moment of `as_of`.

    `suffix` ends the names of the groups.
    """

    def __init__(self, sdk, early, late, suffix=""):
        self.sdk = sdk
        self.groups = {name: sdk.create(name + suffix, IS_TEXT[name]) for name in early}
        self._write(early)
        # The SDK gives the moment in whole seconds; `patience` has shortened sleep.
        now = time.time()
        self.as_of = datetime.fromtimestamp(math.ceil(now), UTC).replace(tzinfo=None)
        if any(late.values()):
            threading.Event().wait(math.ceil(now) - now + 0.01)
        self._write(late)
        self.histories = {name: history(early[name], late[name]) for name in early}

    def _write(self, calls_of):
        for name, calls in calls_of.items():
            for key, moment, amount, items in calls:
                text = text_time(moment) if IS_TEXT[name] else str(moment)
                if amount is None:
                    self.sdk.delete(self.groups[name], key, text)
                else:
                    values = {"id": key, "time": text, "amount": str(amount), "items": str(items)}
                    self.sdk.put(self.groups[name], values)

    def build(self, base, joins=(), join_options=(), **options):
        """A builder, and the choices that are the same question."""
        is_group = isinstance(base, str)
        chosen = Choices(is_base_a_group=is_group, **options)
        keys = ("record_identifier_feature_name", "event_time_identifier_feature_name")
        named = {} if is_group else dict(zip(keys, ("id", "time"), strict=True))
        builder = self.sdk.builder(self.groups[base] if is_group else base, **named)
        for number, name in enumerate(joins):
            given = dict(join_options[number]) if number < len(join_options) else {}
            builder.with_feature_group(
                self.groups[name],
                target_feature_name_in_base=given.get("ours"),
                feature_name_in_target=given.get("theirs"),
                join_comparator=self.sdk.comparators(given.get("comparator", "=")),
                join_type=self.sdk.join_kinds(given.get("kind", "JOIN")),
            )
            chosen.joins.append(Join(self.histories[name], **given))
        for option, value in options.items():
            if option in STEPS and value is not False:
                STEPS[option](builder, self.as_of if option == "is_as_of" else value)
        if chosen.start is not None or chosen.end is not None:
            ends = (chosen.start, chosen.end)
            builder.with_event_time_range(
                *(None if one is None else datetime.fromtimestamp(one, UTC) for one in ends)
            )
        return builder, chosen

    def check(self, base, joins=(), join_options=(), **options):
        """How many rows there are, if any. Fails where they are not those that pandas gives."""
        builder, chosen = self.build(base, joins, join_options, **options)
        if self.sdk.spells_wrong(chosen):
            with refused(ClientError, "InvalidRequestException"):
                builder.to_dataframe()
            return math.inf
        found, query = builder.to_dataframe()
        for column in found:
            if column.startswith("time"):
                found[column] = found[column].map(seconds_of, na_action="ignore")
        if isinstance(base, str):
            rows = self.histories[base]
        else:
            rows = base.assign(time=base["time"].map(seconds_of))
        assert same_rows(found, expected(rows, chosen)), (options, joins, join_options, query)
        return len(found)


def seeded(sdk):
    """Larger histories, the same each time."""
    early = {name: random_calls(seed, 40) for seed, name in enumerate(IS_TEXT)}
    late = {name: random_calls(seed + 10, 12) for seed, name in enumerate(IS_TEXT)}
    return Variants(sdk, early, late)


def check_groups(variants):
    """Variants whose base is a feature group."""
    check, counts = variants.check, []
    for duplicates in (False, True):
        for deleted in (False, True):
            ask = partial(check, with_duplicates=duplicates, with_deleted=deleted)
            counts += [
                ask("texts"),
                ask("reals", is_as_of=True),
                ask("texts", start=START + HOUR, end=START + 5 * HOUR),
                ask("reals", ["third"]),
                ask("texts", ["reals"], is_point_in_time=True, is_as_of=True),
            ]
    counts += [
        check("texts", start=START + HOUR),
        check("reals", end=START + 3 * HOUR + 0.5),
        check("reals", recent=1),
        check("texts", recent=2),
        check("texts", ["third"], is_point_in_time=True, recent=1),
        check("reals", ["texts", "third"], is_point_in_time=True, recent=3),
        check("texts", ["reals"], start=START + HOUR, end=START + 5 * HOUR, recent=1),
    ]
    assert min(counts) > 0


def check_joins(variants):
    check, counts = variants.check, []
    for kind in ("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"):
        counts.append(check("texts", ["reals"], [{"kind": kind}], is_point_in_time=True))
        counts.append(check("texts", ["reals", "third"], [{"kind": kind}, {"kind": kind}]))
    for comparator in ("=", "<>", ">", ">=", "<", "<="):
        options = {"ours": "items", "theirs": "items", "comparator": comparator}
        counts.append(check("reals", ["third"], [{**options, "kind": "LEFT JOIN"}]))
        counts.append(check("texts", ["third"], [{"comparator": comparator}]))
    assert min(counts) > 0


def check_frames(variants):
    """Variants whose base is a frame of labels."""
    for time_of in (text_time, float):
        hours = (7, 2, 3, 6, 4, 5, 7, 7)
        labels = pd.DataFrame(
            {
                "id": pd.Series(list("aabbcdez"), dtype="object"),
                "time": pd.Series([time_of(START + HOUR * hour) for hour in hours]),
                "bought": [1, 0, 1, 0, 1, 1, 0, 1],
            }
        )
        if time_of is text_time:
            labels["time"] = labels["time"].astype("object")
        ask = partial(variants.check, labels)
        assert ask() == len(labels)
        ask(["reals"], is_point_in_time=True)
        ask(["reals"], is_point_in_time=True, recent=1)
        ask(["reals"], is_point_in_time=True, is_as_of=True, recent=2)
        ask(["texts", "third"], [{"kind": "LEFT JOIN"}] * 2, is_point_in_time=True)
        ask(["texts"], with_duplicates=True)
        ask(["texts"], with_deleted=True)
        ask(["texts"], start=START + 2 * HOUR, end=START + 6 * HOUR)

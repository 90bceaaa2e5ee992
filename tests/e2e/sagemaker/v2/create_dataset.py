"""create_dataset in every variant equals a computation in pandas, on random histories."""

import time
from datetime import UTC, datetime

import pandas as pd
import patience  # noqa: F401
import sagemaker
from expected_dataset import Choices, Join, expected, same_rows
from random_history import HOUR, START, history, random_calls, seconds_of, text_time
from refusal import refused
from sagemaker.feature_store.dataset_builder import JoinComparatorEnum, JoinTypeEnum
from sagemaker.feature_store.feature_definition import (
    FractionalFeatureDefinition,
    IntegralFeatureDefinition,
    StringFeatureDefinition,
)
from sagemaker.feature_store.feature_group import FeatureGroup
from sagemaker.feature_store.feature_store import FeatureStore
from sagemaker.feature_store.inputs import FeatureValue

session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
output = f"s3://{bucket}/datasets"
store = FeatureStore(sagemaker_session=session)


def create(name, is_text_time):
    kind = StringFeatureDefinition if is_text_time else FractionalFeatureDefinition
    group = FeatureGroup(
        name=f"dataset-{name}",
        sagemaker_session=session,
        feature_definitions=[
            StringFeatureDefinition("id"),
            kind("time"),
            FractionalFeatureDefinition("amount"),
            IntegralFeatureDefinition("items"),
        ],
    )
    group.create(
        s3_uri=f"s3://{bucket}/features",
        record_identifier_name="id",
        event_time_feature_name="time",
        role_arn=role,
        enable_online_store=True,
    )
    return group


def write(group, calls, is_text_time):
    for key, moment, amount, items in calls:
        text = text_time(moment) if is_text_time else str(moment)
        if amount is None:
            group.delete_record(key, text)
        else:
            group.put_record(
                [
                    FeatureValue("id", key),
                    FeatureValue("time", text),
                    FeatureValue("amount", str(amount)),
                    FeatureValue("items", str(items)),
                ]
            )


IS_TEXT = {"texts": True, "reals": False, "third": True}
groups = {name: create(name, is_text) for name, is_text in IS_TEXT.items()}
early = {name: random_calls(seed, 40) for seed, name in enumerate(groups)}
late = {name: random_calls(seed + 10, 12) for seed, name in enumerate(groups)}
for name, group in groups.items():
    write(group, early[name], IS_TEXT[name])
time.sleep(1.1)
as_of = datetime.now(UTC).replace(tzinfo=None)
time.sleep(1.1)
for name, group in groups.items():
    write(group, late[name], IS_TEXT[name])
histories = {name: history(early[name], late[name]) for name in groups}

BUILDER = {
    "is_point_in_time": lambda builder, _: builder.point_in_time_accurate_join(),
    "with_duplicates": lambda builder, _: builder.include_duplicated_records(),
    "with_deleted": lambda builder, _: builder.include_deleted_records(),
    "is_as_of": lambda builder, _: builder.as_of(as_of),
    "recent": lambda builder, n: builder.with_number_of_recent_records_by_record_identifier(n),
}


def build(base, joins=(), join_options=(), **options):
    """A builder, and the choices that are the same question."""
    is_group = isinstance(base, str)
    chosen = Choices(is_base_a_group=is_group, **options)
    named = {} if is_group else {
        "record_identifier_feature_name": "id",
        "event_time_identifier_feature_name": "time",
    }  # fmt: skip
    builder = store.create_dataset(groups[base] if is_group else base, output, **named)
    for number, name in enumerate(joins):
        given = dict(join_options[number]) if number < len(join_options) else {}
        builder.with_feature_group(
            groups[name],
            target_feature_name_in_base=given.get("ours"),
            feature_name_in_target=given.get("theirs"),
            join_comparator=JoinComparatorEnum(given.get("comparator", "=")),
            join_type=JoinTypeEnum(given.get("kind", "JOIN")),
        )
        chosen.joins.append(Join(histories[name], **given))
    for option, value in options.items():
        if option in BUILDER and value is not False:
            BUILDER[option](builder, value)
    if chosen.start is not None or chosen.end is not None:
        ends = (chosen.start, chosen.end)
        builder.with_event_time_range(
            *(None if one is None else datetime.fromtimestamp(one, UTC) for one in ends)
        )
    return builder, chosen


def check(base, joins=(), join_options=(), **options):
    builder, chosen = build(base, joins, join_options, **options)
    found, query = builder.to_dataframe()
    for column in found:
        if column.startswith("time"):
            found[column] = found[column].map(seconds_of)
    rows = histories[base] if isinstance(base, str) else base.assign(
        time=base["time"].map(seconds_of)
    )  # fmt: skip
    wanted = expected(rows, chosen)
    assert same_rows(found, wanted), (options, joins, join_options, query)
    return len(found)


counts = []
for duplicates in (False, True):
    for deleted in (False, True):
        flags = {"with_duplicates": duplicates, "with_deleted": deleted}
        counts += [
            check("texts", **flags),
            check("reals", is_as_of=True, **flags),
            check("texts", start=START + HOUR, end=START + 5 * HOUR, **flags),
            check("reals", ["third"], **flags),
            check("texts", ["reals"], is_point_in_time=True, is_as_of=True, **flags),
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
for kind in ("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"):
    counts.append(check("texts", ["reals"], [{"kind": kind}], is_point_in_time=True))
    counts.append(check("texts", ["reals", "third"], [{"kind": kind}, {"kind": kind}]))
for comparator in ("=", "<>", ">", ">=", "<", "<="):
    options = {"ours": "items", "theirs": "items", "comparator": comparator}
    counts.append(check("reals", ["third"], [{**options, "kind": "LEFT JOIN"}]))
    counts.append(check("texts", ["third"], [{"comparator": comparator}]))
assert min(counts) > 0

for time_of in (text_time, float):
    labels = pd.DataFrame(
        {
            "id": list("aabbcdez"),
            "time": [time_of(START + HOUR * number) for number in (7, 2, 3, 6, 4, 5, 7, 7)],
            "bought": [1, 0, 1, 0, 1, 1, 0, 1],
        }
    )
    assert check(labels) == len(labels)
    check(labels, ["reals"], is_point_in_time=True)
    check(labels, ["reals"], is_point_in_time=True, recent=1)
    check(labels, ["reals"], is_point_in_time=True, is_as_of=True, recent=2)
    check(labels, ["texts", "third"], [{"kind": "LEFT JOIN"}] * 2, is_point_in_time=True)
    check(labels, ["texts"], with_duplicates=True)
    check(labels, ["texts"], with_deleted=True)
    check(labels, ["texts"], start=START + 2 * HOUR, end=START + 6 * HOUR)

# Only some features; the result as a file.
builder = store.create_dataset(groups["texts"], output, included_feature_names=["amount"])
builder.with_feature_group(groups["third"], included_feature_names=["items"])
found, _ = builder.to_dataframe()
assert list(found) == ["amount", "items.1"]
builder, chosen = build("texts", ["third"], is_point_in_time=True)
builder.with_number_of_records_from_query_results(5)
address, query = builder.to_csv_file()
assert address.startswith(f"{output}/")
assert query.endswith("LIMIT 5")
text = sagemaker.s3.S3Downloader.read_file(address, session)
assert len(text.splitlines()) == 6
assert text.splitlines()[0].split(",")[-1] == '"items.1"'
assert text.count('"id"') == 1

with refused(RuntimeError, "Failed to execute query"):
    # The SDK gives a CROSS JOIN a condition, which no SQL has.
    build("texts", ["third"], [{"kind": "CROSS JOIN"}])[0].to_dataframe()
with refused(ValueError, "point_in_time_accurate_join"):
    build("texts", is_point_in_time=True)[0].to_dataframe()

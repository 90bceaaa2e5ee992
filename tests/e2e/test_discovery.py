"""Discovery in the library: listings, search and descriptions, and how notebooks show them."""

from datetime import UTC, datetime, timedelta

import pytest

import tandem
from tandem.errors import ResourceNotFound, ValidationError

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def shop(store: tandem.FeatureStore) -> tandem.FeatureStore:
    """A store with three groups, which no test changes."""
    keys = {"record_identifier": "id", "event_time": "t"}
    customers = store.create_feature_group(
        "shop-customers",
        features={"id": "String", "t": "String", "orders": "Integral", "note": "String"},
        description="Who buys",
        tags={"team": "growth", "tier": "gold"},
        ttl="3000 days",
        **keys,
    )
    customers.update_feature("orders", description="so far [b]", parameters={"unit": "pieces"})
    now = datetime.now(UTC)
    for number in range(7):
        customers.put({"id": f"C{number}", "t": now, "orders": number, "note": SCRIPT})
    customers.put({"id": "C1", "t": now, "orders": 11, "note": "x" * 1_000})
    customers.retire_feature("note")
    store.set_alias("shop-buyers", "shop-customers")
    history = store.create_feature_group(
        "shop-history",
        features={"id": "String", "t": "Fractional", "price": "Fractional"},
        online=False,
        tags={"team": "risk"},
        **keys,
    )
    history.put({"id": "H1", "t": 1.5, "price": 9.5})
    store.create_feature_group(
        "shop-empty", features={"id": "String", "t": "String"}, offline=False, **keys
    )
    return store


def test_groups(shop: tandem.FeatureStore) -> None:
    groups = shop.groups("shop-")
    assert groups.names == ["shop-customers", "shop-empty", "shop-history"]
    assert groups[0].name == "shop-customers"
    assert [group.name for group in groups[1:]] == ["shop-empty", "shop-history"]
    assert len(groups) == 3
    lines = repr(groups).splitlines()
    assert lines[0].split("  ")[0] == "name"
    assert "team=growth, tier=gold" in lines[2]
    html = groups._repr_html_()
    assert html.count("<tr>") == 4
    assert "<td>shop-history</td>" in html
    frame = groups.to_pandas()
    assert frame["name"].tolist() == groups.names
    assert frame["features"].tolist() == [3, 2, 3]
    assert frame["stores"].tolist() == ["OnlineStore, OfflineStore", "OnlineStore", "OfflineStore"]
    nothing = shop.groups("no-such-name")
    assert (repr(nothing), nothing._repr_html_()) == ("(none)", "<i>none</i>")
    assert list(nothing.to_pandas().columns) == list(frame.columns)


def test_search(shop: tandem.FeatureStore) -> None:
    assert shop.search("Who buys").names == ["shop-customers"]
    assert shop.search("price").names == ["shop-history"]
    assert "shop-customers" not in shop.search("note").names, "retired features are not found"
    assert shop.search(tags={"team": "growth"}).names == ["shop-customers"]
    assert shop.search("shop-", tags={"team": "risk"}).names == ["shop-history"]
    assert shop.search("shop-", tags={"team": "nobody"}).names == []
    expression = {
        "Filters": [
            {"Name": "FeatureGroupName", "Operator": "Contains", "Value": "shop-"},
            {"Name": "OnlineStoreConfig.EnableOnlineStore", "Operator": "Equals", "Value": "true"},
        ]
    }
    assert shop.search(expression=expression).names == ["shop-customers", "shop-empty"]
    assert shop.search("orders", expression=expression).names == ["shop-customers"]


def test_search_features(shop: tandem.FeatureStore) -> None:
    found = shop.search_features("so far")
    assert [(one.group_name, one.name, one.type.value) for one in found] == [
        ("shop-customers", "orders", "Integral")
    ]
    assert found[0].metadata.parameters == {"unit": "pieces"}
    assert "unit=pieces" in repr(found)
    assert "so far [b]" in repr(found)
    assert shop.search_features(parameters={"unit": "pieces"})[0].name == "orders"
    named = {"Filters": [{"Name": "FeatureGroupName", "Operator": "Equals", "Value": "shop-empty"}]}
    assert [one.name for one in shop.search_features(expression=named)] == ["id", "t"]
    assert len(shop.search_features("no such feature")) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"expression": {"Filters": [{"Name": "Nothing"}]}}, "'Nothing'"),
        ({"expression": {"Filters": [{"Name": "Description", "Operator": "Like"}]}}, "Like"),
        ({"text": "two\nlines"}, "single line"),
        ({"tags": ["team"]}, "tags .* give a mapping"),
    ],
)
def test_a_search_that_cannot_be_meant_is_refused(
    shop: tandem.FeatureStore, arguments: dict[str, object], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        shop.search(**arguments)


def test_describe(shop: tandem.FeatureStore) -> None:
    found = shop.describe("shop-buyers")
    assert found.group.name == "shop-customers"
    assert found.aliases == ["shop-buyers"]
    assert found.tags == {"team": "growth", "tier": "gold"}
    assert found.retired == ["note"]
    assert (found.rows, found.records) == (8, 7)
    assert found.age_of_last_write is not None
    assert timedelta(0) <= found.age_of_last_write < timedelta(hours=1)
    assert len(found.sample) == 5
    assert all(set(row) == {"id", "t", "orders"} for row in found.sample)
    assert isinstance(found.sample[0]["orders"], int)
    assert found.metadata["orders"].description == "so far [b]"
    shown = repr(found)
    for part in ("shop-customers", "3000 days", "so far [b]", "unit=pieces", "ago)", "note"):
        assert part in shown
    assert shop.feature_group("shop-customers").describe().rows == 8


def test_describe_a_group_with_history_alone_and_one_without(shop: tandem.FeatureStore) -> None:
    history = shop.describe("shop-history")
    assert (history.rows, history.records, history.last_event_time) == (1, 1, 1.5)
    assert history.sample == [{"id": "H1", "t": 1.5, "price": 9.5}]
    empty = shop.describe("shop-empty")
    assert (empty.rows, empty.records, empty.last_write_time) == (None, None, None)
    assert empty.age_of_last_write is None
    assert empty.sample == []
    assert "sample" not in repr(empty)
    with pytest.raises(ResourceNotFound, match="no-such-group"):
        shop.describe("no-such-group")


def test_what_others_wrote_does_no_harm_in_a_notebook(
    store: tandem.FeatureStore, name: str
) -> None:
    group = store.create_feature_group(
        name,
        features={"id": "String", "t": "String", "note": "String"},
        record_identifier="id",
        event_time="t",
        description=SCRIPT,
    )
    group.put({"id": f"\x1b[2J{SCRIPT}", "t": "2024-01-01T00:00:00Z", "note": "y" * 300_000})
    described = store.describe(name)
    for html in (
        described._repr_html_(),
        store.groups(name)._repr_html_(),
        store.sql(f'SELECT * FROM "{name}"')._repr_html_(),
    ):
        assert "<script" not in html
        assert len(html) < 10_000
    for text in (repr(described), repr(store.sql(f'SELECT * FROM "{name}"'))):
        assert "\x1b" not in text
        assert len(text) < 10_000


def test_a_result_shows_its_first_rows(store: tandem.FeatureStore) -> None:
    result = store.sql("SELECT range AS number, 'x' AS letter FROM range(1000)")
    lines = repr(result).splitlines()
    assert lines[0].split() == ["number", "letter"]
    assert lines[2].split() == ["0", "x"]
    assert lines[-1] == "[1000 rows, 2 columns]"
    assert len(lines) == 13
    assert result._repr_html_().count("<tr>") == 11
    assert repr(store.sql("SELECT 1 AS a")).endswith("[1 row, 1 column]")


def test_a_store_and_a_handle_name_themselves(shop: tandem.FeatureStore, location: str) -> None:
    assert repr(shop) == f"<FeatureStore at {location!r}>"
    assert repr(shop.feature_group("shop-buyers")) == (
        "<FeatureGroup 'shop-buyers', alias of 'shop-customers': 3 features>"
    )

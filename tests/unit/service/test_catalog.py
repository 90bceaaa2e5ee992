"""The data catalog: what users made, and the histories of feature groups beside it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tandem.errors import (
    ConflictError,
    DataCorrupted,
    ResourceInUse,
    ResourceNotFound,
    ValidationError,
)
from tandem.model.catalog import (
    CatalogColumn,
    CatalogDatabase,
    CatalogPartition,
    CatalogTable,
)
from tandem.model.changes import GroupUpdate
from tandem.model.feature_group import (
    DataCatalog,
    FeatureDefinition,
    FeatureGroup,
    FeatureMetadata,
    FeatureType,
    OfflineStoreConfig,
)
from tandem.model.history import DataFile
from tandem.offline.memory import MemoryOfflineStore
from tandem.registry.base import Registry
from tandem.registry.memory import MemoryRegistry
from tandem.registry.sql import SqlRegistry
from tandem.service import catalog as catalog_module
from tandem.service.catalog import Catalog
from tandem.service.definitions import Definitions
from tandem.service.feature_group_updates import FeatureGroupUpdates
from tandem.service.feature_groups import FeatureGroups
from tandem.service.history_tables import HistoryTables
from tandem.service.placement import DATABASE, Account
from tandem.testing.race import race, winners
from unit.service.scenes import START_US, ManualClock, definition


class Scene:
    def __init__(self, registry: Registry | None = None) -> None:
        self.registry = registry or MemoryRegistry()
        self.clock = ManualClock()
        offline = MemoryOfflineStore()
        definitions = Definitions(self.registry)
        self.groups = FeatureGroups(self.registry, definitions, offline, self.clock, Account())
        self.updates = FeatureGroupUpdates(self.groups, self.clock)
        histories = HistoryTables(self.registry, self.registry, definitions, offline, self.clock)
        self.catalog = Catalog(self.registry, histories, self.clock)

    def group(self, name: str = "customers", **offline: object) -> FeatureGroup:
        new = definition(name)
        config = OfflineStoreConfig("s3://bucket/prefix", **offline)
        return self.groups.create(replace(new, offline=config))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def database(name: str = "sales", **more: object) -> CatalogDatabase:
    return CatalogDatabase(name=name, **more)


def table(name: str = "orders", database: str = "default", **more: object) -> CatalogTable:
    given = {
        "columns": (CatalogColumn("id", "bigint"), CatalogColumn("note", "string", "free text")),
        "location": "s3://bucket/orders",
        "table_type": "EXTERNAL_TABLE",
        **more,
    }
    return CatalogTable(name=name, database=database, **given)


def partition(*values: str) -> CatalogPartition:
    return CatalogPartition(values=values, location=f"s3://bucket/orders/{'/'.join(values)}")


BY_DAY = table(partition_keys=(CatalogColumn("day", "string"),))


def test_two_databases_always_exist(scene: Scene) -> None:
    assert [one.name for one in scene.catalog.databases()] == ["default", DATABASE]
    for name in ("default", "Default", DATABASE):
        assert scene.catalog.database(name).name == name.lower()
        with pytest.raises(ResourceInUse, match="there is a database"):
            scene.catalog.create_database(database(name))
        with pytest.raises(ValidationError, match="part of every store"):
            scene.catalog.delete_database(name)
    changed = scene.catalog.update_database("default", database("default", description="mine"))
    assert scene.catalog.database("default") == changed


def test_a_database_and_its_tables_come_back_as_they_were_given(tmp_path: Path) -> None:
    scene = Scene(SqlRegistry(tmp_path / "registry.sqlite"))
    said = {"description": "d", "location": "s3://b/x", "parameters": {"Kept": "As Is"}}
    scene.catalog.create_database(database("Sales", **said, other={"Tags": {"a": "b"}}))
    scene.catalog.create_table(
        table(
            "Orders",
            "SALES",
            partition_keys=(CatalogColumn("Day", "string", parameters={"p": "q"}),),
            serde="serde",
            serde_parameters={"separatorChar": ","},
            other_storage={"SortColumns": [{"Column": "id", "SortOrder": 1}], "Compressed": False},
            other={"Retention": 3},
            owner="me",
        )
    )
    scene.registry.close()
    scene = Scene(SqlRegistry(tmp_path / "registry.sqlite"))
    found = scene.catalog.database("sales")
    assert (found.name, found.description, found.location) == ("sales", "d", "s3://b/x")
    assert (found.parameters, found.other) == ({"Kept": "As Is"}, {"Tags": {"a": "b"}})
    kept = scene.catalog.table("Sales", "ORDERS")
    assert (kept.database, kept.name, kept.version) == ("sales", "orders", 1)
    assert kept.partition_keys == (CatalogColumn("day", "string", parameters={"p": "q"}),)
    assert kept.columns[1] == CatalogColumn("note", "string", "free text")
    assert kept.other_storage["SortColumns"] == [{"Column": "id", "SortOrder": 1}]
    assert (kept.other, kept.owner, kept.serde) == ({"Retention": 3}, "me", "serde")
    assert kept.created_at_us == START_US
    scene.registry.close()


def test_a_database_cannot_be_renamed(scene: Scene) -> None:
    scene.catalog.create_database(database())
    with pytest.raises(ValidationError, match="cannot be renamed to 'other'"):
        scene.catalog.update_database("sales", database("other"))


def test_what_is_not_there_is_said_by_name(scene: Scene) -> None:
    for ask in (
        lambda: scene.catalog.database("x"),
        lambda: scene.catalog.tables("x"),
        lambda: scene.catalog.create_table(table(database="x")),
        lambda: scene.catalog.delete_database("x"),
        lambda: scene.catalog.update_database("x", database("x")),
    ):
        with pytest.raises(ResourceNotFound, match="no database 'x'"):
            ask()
    for ask in (
        lambda: scene.catalog.table("default", "orders"),
        lambda: scene.catalog.update_table(table()),
        lambda: scene.catalog.delete_table("default", "orders"),
        lambda: scene.catalog.partitions("default", "orders"),
    ):
        with pytest.raises(ResourceNotFound, match=r"no table default\.orders"):
            ask()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (table(""), "the name of a table ''"),
        (table("a\nb"), "the name of a table"),
        (table("n" * 256), "the name of a table"),
        (table(columns=(CatalogColumn(""),)), "a name in Columns"),
        (table(columns=(CatalogColumn("a", comment="c" * 256),)), "Comment of Columns 'a'"),
        (table(location="l" * 2_057), "Location has 2057 characters"),
        (table(location="s3://a\0"), "Location 's3://a"),
        (table(owner=""), "Owner ''"),
        (table(parameters={"": "v"}), "a key of Parameters"),
        (table(parameters={"k": "v" * 512_001}), "'k' of Parameters has 512001"),
        (table(partition_keys=(CatalogColumn("a"), CatalogColumn("A"))), "names .'a'. more"),
    ],
)
def test_a_wrong_table_is_refused_whole(scene: Scene, wrong: CatalogTable, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        scene.catalog.create_table(wrong)
    assert scene.catalog.tables("default") == []


def test_a_name_is_taken_once(scene: Scene) -> None:
    results = race([lambda: scene.catalog.create_table(table())] * 8)
    assert winners(results) == 1


def test_a_dropped_database_leaves_nothing_to_the_next_of_its_name(scene: Scene) -> None:
    scene.catalog.create_database(database())
    scene.catalog.create_table(replace(BY_DAY, database="sales"))
    scene.catalog.create_partitions("sales", "orders", [partition("1")])
    scene.catalog.delete_database("sales")
    scene.catalog.create_database(database())
    assert scene.catalog.tables("sales") == []
    left = {kind for kind, documents in scene.registry._documents.items() if documents}
    assert left == {"catalog-database"}


def test_a_dropped_table_leaves_nothing_to_the_next_of_its_name(scene: Scene) -> None:
    scene.catalog.create_table(BY_DAY)
    scene.catalog.create_partitions("default", "orders", [partition("1")])
    scene.catalog.update_table(BY_DAY)
    scene.catalog.delete_table("default", "Orders")
    scene.catalog.create_table(BY_DAY)
    assert scene.catalog.partitions("default", "orders") == []
    assert [one.version for one in scene.catalog.table_versions("default", "orders")] == [1]


def test_an_update_may_be_bound_to_a_version(scene: Scene) -> None:
    first = scene.catalog.create_table(table())
    scene.clock.forward(1)
    second = scene.catalog.update_table(table(description="new"), first.version)
    assert (second.version, second.created_at_us) == (2, START_US)
    assert second.updated_at_us == START_US + 1_000_000
    with pytest.raises(ConflictError, match="based on version 1, but it has come to version 2"):
        scene.catalog.update_table(table(description="late"), first.version)
    assert scene.catalog.table("default", "orders").description == "new"


def test_of_updates_bound_to_one_version_one_is_made(scene: Scene) -> None:
    scene.catalog.create_table(table())
    results = race([lambda: scene.catalog.update_table(table(), 1)] * 8)
    assert winners(results) == 1
    assert scene.catalog.table("default", "orders").version == 2


def test_versions_are_kept_unless_skipped_and_not_without_end(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_module, "TABLE_VERSIONS_MAX", 3)
    scene.catalog.create_table(table(description="1"))
    for number in range(2, 7):
        scene.catalog.update_table(table(description=str(number)), skip_archive=number == 5)
    kept = scene.catalog.table_versions("default", "orders")
    assert [(one.version, one.description) for one in kept] == [(6, "6"), (5, "5"), (3, "3")]


def test_partitions(scene: Scene) -> None:
    scene.catalog.create_table(BY_DAY)
    made = [partition("2"), partition("1")]
    assert scene.catalog.create_partitions("default", "orders", made) == []
    again = scene.catalog.create_partitions("default", "orders", [partition("3"), partition("1")])
    assert [(one.values, type(one.error)) for one in again] == [(("1",), ResourceInUse)]
    found = scene.catalog.partitions("default", "orders")
    assert [one.values for one in found] == [("1",), ("2",), ("3",)]
    assert scene.catalog.partition("default", "orders", ["2"]).location == "s3://bucket/orders/2"
    scene.catalog.update_partition("default", "orders", ["2"], replace(made[0], location="x"))
    assert scene.catalog.partition("default", "orders", ["2"]).location == "x"
    scene.catalog.update_partition("default", "orders", ["2"], partition("4"))
    with pytest.raises(ResourceInUse, match=r"a partition \['1'\]"):
        scene.catalog.update_partition("default", "orders", ["4"], partition("1"))
    gone = scene.catalog.delete_partitions("default", "orders", [["1"], ["2"]])
    assert [(one.values, type(one.error)) for one in gone] == [(("2",), ResourceNotFound)]
    found = scene.catalog.partitions("default", "orders")
    assert [one.values for one in found] == [("3",), ("4",)]


def test_a_partition_has_a_value_for_each_key(scene: Scene) -> None:
    scene.catalog.create_table(BY_DAY)
    for values in ((), ("a", "b"), ("",), ("v" * 1_025,)):
        with pytest.raises(ValidationError, match=r"partition value"):
            scene.catalog.create_partitions(
                "default", "orders", [partition("1"), partition(*values)]
            )
        with pytest.raises(ValidationError, match=r"partition value"):
            scene.catalog.delete_partitions("default", "orders", [values])
    assert scene.catalog.partitions("default", "orders") == []


def test_a_group_is_a_table_as_hive_has_it(scene: Scene) -> None:
    group = scene.group("Customer-Orders")
    (found,) = scene.catalog.tables(DATABASE)
    assert found == scene.catalog.table(DATABASE, f"customer_orders_{START_US // 1_000_000}")
    assert [(column.name, column.type) for column in found.columns] == [
        ("id", "string"),
        ("time", "double"),
        ("orders", "bigint"),
        ("note", "string"),
        ("write_time", "timestamp"),
        ("api_invocation_time", "timestamp"),
        ("is_deleted", "boolean"),
    ]
    assert [(key.name, key.type) for key in found.partition_keys] == [
        (key, "string") for key in ("year", "month", "day", "hour")
    ]
    assert found.location == group.offline.resolved_uri
    assert found.serde.endswith("ParquetHiveSerDe")
    assert found.parameters == {"EXTERNAL": "TRUE", "classification": "parquet"}
    assert (found.table_type, found.group_id) == ("EXTERNAL_TABLE", group.group_id)


def test_the_partitions_of_a_group_are_those_of_its_files(scene: Scene) -> None:
    group = scene.group()
    name = group.offline.data_catalog.table
    assert scene.catalog.partitions(DATABASE, name) == []
    hours = ["year=2024/month=05/day=01/hour=12", "year=2023/month=12/day=31/hour=23"]
    files = [
        DataFile(
            path=f"data/{hour}/{number}.parquet",
            sequence=number,
            rows=1,
            size_bytes=1,
            event_seconds_min=0,
            event_seconds_max=0,
        )
        for number, hour in enumerate([*hours, hours[0]], 1)
    ]
    scene.registry.advance(group.group_id, files, {0: 0}, {0: 3})
    found = scene.catalog.partitions(DATABASE, name)
    assert [one.values for one in found] == [("2023", "12", "31", "23"), ("2024", "05", "01", "12")]
    assert found[0].location == f"{group.offline.resolved_uri}/{hours[1]}"
    assert scene.catalog.partition(DATABASE, name, found[1].values) == found[1]
    with pytest.raises(ResourceNotFound, match="has no partition"):
        scene.catalog.partition(DATABASE, name, ["2024", "05", "01", "13"])
    for change in (
        lambda: scene.catalog.create_partitions(DATABASE, name, [partition("1", "1", "1", "1")]),
        lambda: scene.catalog.delete_partitions(DATABASE, name, [found[0].values]),
        lambda: scene.catalog.update_partition(DATABASE, name, found[0].values, found[1]),
    ):
        with pytest.raises(ValidationError, match="follow from the history"):
            change()


def test_a_group_may_have_no_table_or_one_elsewhere(scene: Scene) -> None:
    scene.group("without", disable_glue_table_creation=True)
    scene.group("elsewhere", data_catalog=DataCatalog("AwsDataCatalog", "Other", "Named"))
    assert scene.catalog.tables(DATABASE) == []
    assert [one.name for one in scene.catalog.databases()] == ["default", "other", DATABASE]
    assert [one.name for one in scene.catalog.tables("other")] == ["named"]
    with pytest.raises(ResourceInUse):
        scene.catalog.create_database(database("other"))
    with pytest.raises(ValidationError, match="tables of feature groups"):
        scene.catalog.delete_database("other")
    scene.catalog.delete_table("other", "named")
    with pytest.raises(ResourceNotFound):
        scene.catalog.database("other")


def test_a_groups_database_stays_while_it_has_another_table(scene: Scene) -> None:
    scene.group("elsewhere", data_catalog=DataCatalog("AwsDataCatalog", "Other", "Named"))
    made = scene.catalog.create_table(table(database="other"))
    scene.catalog.delete_table("other", "named")
    assert scene.catalog.tables("other") == [made]
    with pytest.raises(ResourceInUse):
        scene.catalog.create_database(database("other"))
    scene.catalog.delete_database("other")
    scene.catalog.create_database(database("other"))
    assert scene.catalog.tables("other") == []


def test_a_deleted_group_keeps_its_table_and_gives_way_to_a_live_one(scene: Scene) -> None:
    named = DataCatalog("AwsDataCatalog", DATABASE, "t")
    first = scene.group("first", data_catalog=named)
    scene.groups.delete("first")
    assert scene.catalog.table(DATABASE, "t").group_id == first.group_id
    scene.clock.forward(2)
    second = scene.group("second", data_catalog=named)
    assert scene.catalog.table(DATABASE, "t").group_id == second.group_id
    scene.clock.forward(2)
    third = scene.group("third", data_catalog=named)
    scene.groups.delete("third")
    assert scene.catalog.table(DATABASE, "t").group_id == second.group_id
    scene.groups.delete("second")
    assert scene.catalog.table(DATABASE, "t").group_id == third.group_id


def test_the_table_follows_the_group(scene: Scene) -> None:
    group = scene.group()
    name = group.offline.data_catalog.table
    addition = FeatureDefinition("Shop", FeatureType.FRACTIONAL)
    scene.updates.update("customers", GroupUpdate(additions=(addition,)))
    scene.updates.retire_feature("customers", "note")
    scene.groups.change(
        "customers",
        lambda group: replace(
            group, metadata={"orders": FeatureMetadata(description="how many", modified_at_us=1)}
        ),
    )
    columns = scene.catalog.table(DATABASE, name).columns
    assert [column.name for column in columns[:4]] == ["id", "time", "orders", "shop"]
    assert columns[2].comment == "how many"


def test_what_users_say_of_a_groups_table_is_kept(scene: Scene) -> None:
    group = scene.group()
    name = group.offline.data_catalog.table
    found = scene.catalog.table(DATABASE, name)
    columns = tuple(replace(one, comment=f"about {one.name}") for one in found.columns)
    said = replace(found, description="ours", columns=columns, parameters={"team": "a"}, owner="o")
    changed = scene.catalog.update_table(said, found.version)
    assert changed.version > found.version
    assert (changed.description, changed.owner) == ("ours", "o")
    assert changed.columns == columns
    assert changed.parameters == {"EXTERNAL": "TRUE", "classification": "parquet", "team": "a"}
    with pytest.raises(ConflictError, match="read the table again"):
        scene.catalog.update_table(said, found.version)


@pytest.mark.parametrize(
    "change",
    [
        lambda found: replace(found, location="s3://elsewhere"),
        lambda found: replace(found, columns=found.columns[1:]),
        lambda found: replace(found, columns=(CatalogColumn("id", "int"), *found.columns[1:])),
        lambda found: replace(found, partition_keys=()),
        lambda found: replace(found, serde="other"),
    ],
)
def test_what_follows_from_a_group_stays(
    scene: Scene, change: Callable[[CatalogTable], CatalogTable]
) -> None:
    group = scene.group()
    found = scene.catalog.table(DATABASE, group.offline.data_catalog.table)
    with pytest.raises(ValidationError, match="is the history of a feature group"):
        scene.catalog.update_table(change(found))
    assert scene.catalog.table(DATABASE, found.name) == found


def test_a_dropped_table_of_a_group_comes_back_where_it_was(scene: Scene) -> None:
    group = scene.group()
    found = scene.catalog.table(DATABASE, group.offline.data_catalog.table)
    with pytest.raises(ResourceInUse):
        scene.catalog.create_table(found)
    scene.catalog.delete_table(DATABASE, found.name)
    assert scene.catalog.tables(DATABASE) == []
    assert scene.groups.describe("customers") == group
    with pytest.raises(ResourceNotFound):
        scene.catalog.delete_table(DATABASE, found.name)
    other = scene.catalog.create_table(replace(found, location="s3://bucket/other"))
    assert other.group_id is None
    scene.catalog.delete_table(DATABASE, found.name)
    restored = scene.catalog.create_table(replace(found, location=f"{found.location}/"))
    assert restored.group_id == group.group_id
    assert restored.version > found.version
    assert scene.catalog.tables(DATABASE) == [restored]


def test_a_damaged_document_is_said_by_name(scene: Scene) -> None:
    scene.catalog.create_database(database())
    scene.registry.put_document("catalog-database", "sales", "{", 1)
    with pytest.raises(DataCorrupted, match="holds a database 'sales' that cannot be read"):
        scene.catalog.database("sales")

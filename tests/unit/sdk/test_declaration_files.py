"""Declarations in YAML: what is read, and what is refused with the place named."""

from pathlib import Path

import pytest

from tandem.errors import ValidationError
from tandem.model.feature_group import FeatureType, StorageType, TableFormat
from tandem.model.time_to_live import TtlDuration, TtlUnit
from tandem.sdk.declaration import DeclaredAlias, DeclaredGroup
from tandem.sdk.declaration_files import declarations
from tandem.sdk.defaults import ROLE_ARN, S3_URI

ROOT = Path(__file__).parents[3]
HEAD = "feature_group: g\nrecord_identifier: id\nevent_time: t\n"
GROUP = HEAD + "features: {id: String, t: String}\n"


def written(folder: Path, text: str, name: str = "file.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def declared_group(folder: Path, text: str) -> DeclaredGroup:
    (group,) = declarations(written(folder, text))
    assert isinstance(group, DeclaredGroup)
    return group


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(ValidationError) as raised:
        declarations(written(folder, text))
    assert "\n" not in str(raised.value)
    return str(raised.value).removeprefix(f"{folder}/")


def test_a_group_with_every_member(tmp_path: Path) -> None:
    text = """
feature_group: g
record_identifier: id
event_time: t
features:
  id: String
  t: {type: String}
  n: {type: Integral, description: a number, parameters: {unit: one}, retired: true}
online: {storage_type: Standard_V2, ttl: 30 days, kms_key_id: key}
offline:
  s3_uri: s3://bucket/prefix
  table_format: Glue
  kms_key_id: other
  disable_glue_table_creation: true
  data_catalog: {catalog: AwsDataCatalog, database: d, table: tab}
throughput: {mode: Provisioned, read_units: 3, write_units: 4}
role_arn: arn:aws:iam::123456789012:role/r
description: of everything
tags: {team: growth}
"""
    group = declared_group(tmp_path, text)
    assert group.feature("n").retired
    new = group.new_group()
    assert [feature.type for feature in new.features] == [
        FeatureType.STRING,
        FeatureType.STRING,
        FeatureType.INTEGRAL,
    ]
    assert new.online is not None
    assert new.online.ttl == TtlDuration(TtlUnit.DAYS, 30)
    assert new.online.storage_type is StorageType.STANDARD_V2
    assert new.offline is not None
    assert new.offline.s3_uri == "s3://bucket/prefix"
    assert new.offline.table_format is TableFormat.GLUE
    assert new.offline.data_catalog is not None
    assert new.offline.data_catalog.table == "tab"
    assert (new.throughput.read_units, new.throughput.write_units) == (3, 4)
    assert new.description == "of everything"
    assert new.tags == {"team": "growth"}


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    new = declared_group(tmp_path, GROUP).new_group()
    assert new.online is not None
    assert new.online.enabled
    assert new.offline is not None
    assert (new.offline.s3_uri, new.role_arn, new.tags) == (S3_URI, ROLE_ARN, None)
    assert declared_group(tmp_path, GROUP + "offline: false").new_group().offline is None
    assert declared_group(tmp_path, GROUP + "online: false").new_group().online is None


def test_several_documents_and_files_come_in_order(tmp_path: Path) -> None:
    written(tmp_path, "alias: c\nfeature_group: g\n", "b/last.yml")
    written(tmp_path, f"{GROUP}---\n---\nalias: a\nfeature_group: g\n", "a.yaml")
    written(tmp_path, "not: ours", ".github/workflow.yaml")
    written(tmp_path, "not: ours", "notes.txt")
    found = declarations(tmp_path)
    assert [type(one) for one in found] == [DeclaredGroup, DeclaredAlias, DeclaredAlias]
    assert [one.alias for one in found if isinstance(one, DeclaredAlias)] == ["a", "c"]


def test_words_that_older_yaml_takes_for_booleans_and_dates_are_words(tmp_path: Path) -> None:
    features = "features: {id: String, t: String, on: Integral, no: String}\n"
    group = declared_group(
        tmp_path, HEAD + features + "tags: {country: NO, since: 2024-01-01}\ndescription: yes"
    )
    assert list(group.features) == ["id", "t", "on", "no"]
    assert group.tags == {"country": "NO", "since": "2024-01-01"}
    assert group.description == "yes"


def test_anchors_and_merges_are_yaml_as_usual(tmp_path: Path) -> None:
    text = HEAD + (
        "features:\n  id: &text {type: String}\n  t: *text\n"
        "  note: {<<: *text, description: a note}\n"
    )
    group = declared_group(tmp_path, text)
    assert group.feature("note").type is FeatureType.STRING
    assert group.feature("note").description == "a note"


def test_the_examples_can_be_read() -> None:
    found = declarations(ROOT / "examples/declarations")
    assert [type(one) for one in found] == 2 * [DeclaredAlias] + 2 * [DeclaredGroup]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GROUP + "ttl: 3 days", "file.yaml:1: feature group has no member 'ttl': use one of feat"),
        (f"# why\n\n{GROUP}online: {{tt: 3 days}}", "file.yaml:3: online has no member 'tt'"),
        (GROUP + "offline: {table: Glue}", "offline has no member 'table'"),
        (GROUP + "throughput: {units: 1}", "throughput has no member 'units'"),
        (GROUP + "online: {ttl: 30}", "online.ttl: Expected `str | null`, got `int`"),
        (GROUP + "online: {ttl: soon}", "file.yaml:1: time to live 'soon'"),
        (GROUP + "online: 3", "online: Expected"),
        (GROUP + "offline: {table_format: Hudi}", "offline.table_format: Invalid enum value"),
        (GROUP + "online: false\noffline: false", "needs a store"),
        (GROUP + "tags: {cost: 007}", "tag 'cost' is 7: put both in quotes"),
        (GROUP + "tags: [a]", "tags: Expected"),
        (GROUP + "tags: {'a;b': c}", r"tag key 'a;b'"),
        (GROUP + "role_arn: me", "RoleArn 'me'"),
        (HEAD, "missing required field `features`"),
        (HEAD + "features: [id, t]", "features: Expected `object`, got `array`"),
        (HEAD + "features: {id: Text, t: String}", "feature 'id' has type 'Text': use one of Str"),
        (HEAD + "features: {id: {kind: String}, t: String}", "feature 'id' has no member 'kind'"),
        (HEAD + "features: {id: {}, t: String}", "feature 'id' has type None"),
        (HEAD + "features: {7: String}", "feature 7"),
        (HEAD + "features: {id: {type: String, parameters: {unit: 1}}}", "parameter 'unit' is 1"),
        (HEAD + "features: {id: String}", "EventTimeFeatureName 't'"),
        (HEAD + "features: {id: String, ID: String, t: String}", "'ID' is defined twice"),
        (HEAD + "features:\n  id: String\n  t: String\n  id: String", "yaml:7: the member 'id'"),
        (GROUP.replace(": g", ": '[bold]'"), "FeatureGroupName '[bold]' is not valid"),
        ("alias: a b\nfeature_group: g", "alias 'a b' is not valid"),
        ("alias: a", "missing required field `feature_group`"),
        ("alias: a\nfeature_group: g\nx: 1", "alias has no member 'x'"),
        ("name: g", "a declaration is a mapping with feature_group: NAME"),
        ("- g", "a declaration is a mapping"),
        ("g", "a declaration is a mapping"),
        ("", "declares nothing"),
        ("---\n---\n", "declares nothing"),
        ("a: {b\nc: d", "file.yaml:2: expected"),
        ("a:\n\tb: c", "file.yaml:2: found character"),
        ("a: \x00", "is not YAML"),
        ("a: *nothing", "undefined alias"),
        ("!!python/object:os.system {}", "could not determine a constructor"),
        ("a: " + "[" * 5_000, "nested too deeply"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(
    tmp_path: Path, text: str, said: str
) -> None:
    message = refusal(tmp_path, text)
    assert said in message
    assert "file.yaml" in message


def test_a_name_is_declared_once_whatever_it_names(tmp_path: Path) -> None:
    written(tmp_path, GROUP, "a.yaml")
    written(tmp_path, f"# comment\n{GROUP}", "b.yaml")
    with pytest.raises(
        ValidationError, match=r"'g' is declared twice, in .*a.yaml:1 and in .*b.yaml:2"
    ):
        declarations(tmp_path)
    written(tmp_path, "alias: g\nfeature_group: h", "b.yaml")
    with pytest.raises(ValidationError, match="'g' is declared twice"):
        declarations(tmp_path)


def test_files_that_are_no_text_and_folders_without_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValidationError, match=r"bytes.yaml is not text in UTF-8"):
        declarations(tmp_path / "bytes.yaml")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValidationError, match=r"folder' holds no file that ends in .yaml or .yml"):
        declarations(tmp_path / "folder")
    with pytest.raises(ValidationError, match=r"there is no file or folder .*nothing"):
        declarations(tmp_path / "nothing")


@pytest.mark.parametrize(
    "member",
    ["tags: {k: BOMB}", "features: {id: BOMB}", "features: {id: {type: BOMB}}", "other: BOMB"],
)
def test_a_bomb_of_anchors_is_refused_at_once(tmp_path: Path, member: str) -> None:
    """Lists of lists, each named and used twice: 2**60 values that no message may quote."""
    lists = [f"&a{index} [*a{index - 1}, *a{index - 1}]" for index in range(1, 60)]
    bomb = f"[&a0 [x], {', '.join(lists)}]"
    message = refusal(tmp_path, HEAD + member.replace("BOMB", bomb))
    assert "file.yaml:1: with what its names stand for, the document has more than" in message


def test_a_value_that_holds_itself_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, HEAD + "features: &f {id: *f, t: String}")
    assert "feature 'id' has no member 'id'" in message

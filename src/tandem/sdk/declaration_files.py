"""Declarations read from YAML files, and refused where they cannot be meant.

Whatever is wrong with a file raises ValidationError, which names the file, the line where the
declaration begins, and the member. That includes what YAML itself would let pass: a member that no
declaration has, and a member or a name that comes twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tandem.errors import ValidationError
from tandem.model.definition import check_group_name
from tandem.model.feature_group import FeatureType
from tandem.sdk.declaration import (
    Declared,
    DeclaredAlias,
    DeclaredFeature,
    DeclaredGroup,
    DeclaredOfflineStore,
    DeclaredOnlineStore,
    DeclaredThroughput,
    declared_name,
)
from tandem.sdk.steps import after_creation
from tandem.sdk.yaml_documents import documents

_ENDINGS = (".yaml", ".yml")


def declarations(path: Path) -> Sequence[Declared]:
    """What a file declares, or all YAML files of a folder and its folders, in order of their names.

    Hidden files and folders are passed over.
    """
    try:
        is_folder, is_there = path.is_dir(), path.exists()
        files = sorted(_files(path)) if is_folder else [path]
    except (OSError, ValueError) as error:
        raise ValidationError(f"{str(path)[:80]!r} cannot be looked at: {error}") from error
    if not files:
        endings = " or ".join(_ENDINGS)
        raise ValidationError(f"the folder {str(path)!r} holds no file that ends in {endings}")
    if not is_there:
        raise ValidationError(f"there is no file or folder {str(path)!r}")
    places: dict[str, str] = {}
    result: list[Declared] = []
    for file in files:
        for place, declared in _read(file):
            name = declared_name(declared)
            if name in places:
                raise ValidationError(
                    f"{name!r} is declared twice, in {places[name]} and in {place}: remove one"
                )
            places[name] = place
            result.append(declared)
    if not result:
        raise ValidationError(f"{str(path)!r} declares nothing: write feature_group: NAME")
    return result


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in _ENDINGS and not is_hidden and path.is_file():
            yield path


def _read(file: Path) -> Iterator[tuple[str, Declared]]:
    """Each declaration of a file, with the place where it begins."""
    for document, node in documents(file):
        place = f"{file}:{node.start_mark.line + 1}"
        yield place, _declared(document, place)


def _declared(document: Any, place: str) -> Declared:
    try:
        if isinstance(document, Mapping) and "alias" in document:
            return _alias(document)
        if isinstance(document, Mapping) and "feature_group" in document:
            return _group(document)
        raise ValidationError(
            "a declaration is a mapping with feature_group: NAME, or with alias: NAME"
        )
    except ValidationError as error:
        raise ValidationError(f"{place}: {error}") from None
    except msgspec.ValidationError as error:
        problem, _, member = str(error).partition(" - at `$.")
        where = f"{member.rstrip('`')}: " if member else ""
        raise ValidationError(f"{place}: {where}{problem}") from None


def _alias(document: Mapping[Any, Any]) -> DeclaredAlias:
    _check_members(document, DeclaredAlias, "alias")
    alias = msgspec.convert(document, DeclaredAlias)
    check_group_name(alias.alias, "alias")
    check_group_name(alias.feature_group)
    return alias


def _group(document: Mapping[Any, Any]) -> DeclaredGroup:
    _check_members(document, DeclaredGroup, "feature group")
    features = document.get("features")
    if isinstance(features, Mapping):
        for name, declared in features.items():
            _check_feature(name, declared)
    for member, kind in _STORES.items():
        _check_members(document.get(member), kind, member)
    _check_texts(document.get("tags"), "tag")
    group = msgspec.convert(document, DeclaredGroup)
    after_creation(group.new_group())
    return group


_STORES: Mapping[str, type[msgspec.Struct]] = {
    "online": DeclaredOnlineStore,
    "offline": DeclaredOfflineStore,
    "throughput": DeclaredThroughput,
}


def _check_feature(name: Any, declared: Any) -> None:
    what = f"feature {name!r:.80}"
    if not isinstance(name, str):
        raise ValidationError(f"{what} is called by no text: put its name in quotes")
    if isinstance(declared, Mapping):
        _check_members(declared, DeclaredFeature, what)
        _check_texts(declared.get("parameters"), f"{what}: parameter")
        declared = declared.get("type")
    if declared not in list(FeatureType):
        kinds = ", ".join(FeatureType)
        raise ValidationError(f"{what} has type {declared!r:.80}: use one of {kinds}")


def _check_members(declared: Any, kind: type[msgspec.Struct], what: str) -> None:
    known = kind.__struct_fields__
    for member in declared if isinstance(declared, Mapping) else ():
        if member not in known:
            raise ValidationError(
                f"{what} has no member {member!r:.80}: use one of {', '.join(known)}"
            )


def _check_texts(pairs: Any, what: str) -> None:
    for key, value in pairs.items() if isinstance(pairs, Mapping) else ():
        if not isinstance(key, str) or not isinstance(value, str):
            raise ValidationError(f"{what} {key!r:.80} is {value!r:.80}: put both in quotes")

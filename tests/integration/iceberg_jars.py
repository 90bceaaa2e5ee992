"""The jars with which Spark reads Iceberg tables, from a Python registry.

PyPI's snowpark-connect-deps-iceberg brings Apache Iceberg's runtime for Spark 3.5, but for the copy
of Jackson that Iceberg renames and takes with it. Spark has the same Jackson under its own name;
renamed in the same way, it takes that place.

    com/fasterxml/jackson/…  ─►  org/apache/iceberg/shaded/com/fasterxml/jackson/…
"""

import struct
import zipfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

_JARS = "snowpark_connect_deps_iceberg"
_OLD, _NEW = b"com/fasterxml/jackson", b"org/apache/iceberg/shaded/com/fasterxml/jackson"
_JACKSON = ("jackson-annotations-2*.jar", "jackson-core-2*.jar", "jackson-databind-2*.jar")
_TEXT, _LONG, _DOUBLE = 1, 5, 6
# Bytes of a constant in a class file by its tag, the tag included; text has a length of its own.
_CONSTANT_BYTES = {3: 5, 4: 5, 5: 9, 6: 9, 7: 3, 8: 3, 9: 5, 10: 5, 11: 5, 12: 5}
_CONSTANT_BYTES |= {15: 4, 16: 3, 17: 5, 18: 5, 19: 3, 20: 3}


def are_there() -> bool:
    return find_spec(_JARS) is not None


def jars(folder: Path) -> list[Path]:
    """The jars to give to Spark; the one that is made here is put into `folder`."""
    runtime = sorted(_package(_JARS).glob("jars/iceberg-spark-runtime-3.5_2.12-*.jar"))
    assert len(runtime) == 1, runtime
    of_spark = _package("pyspark") / "jars"
    renamed = folder / "jackson-renamed.jar"
    _rename([jar for pattern in _JACKSON for jar in sorted(of_spark.glob(pattern))], renamed)
    return [*runtime, renamed]


def _package(name: str) -> Path:
    found = find_spec(name)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


def _rename(sources: Sequence[Path], target: Path) -> None:
    with zipfile.ZipFile(target, "w") as made:
        for source in sources:
            with zipfile.ZipFile(source) as jar:
                for name in jar.namelist():
                    if name.startswith(_OLD.decode()) and name.endswith(".class"):
                        renamed = name.replace(_OLD.decode(), _NEW.decode())
                        made.writestr(renamed, _renamed_class(jar.read(name)))


def _renamed_class(content: bytes) -> bytes:
    """A class file whose constants name the other package; code refers to them by number."""
    (count,) = struct.unpack_from(">H", content, 8)
    parts = [content[:10]]
    place, number = 10, 1
    while number < count:
        tag = content[place]
        size = _CONSTANT_BYTES.get(tag, 3)
        if tag == _TEXT:
            (length,) = struct.unpack_from(">H", content, place + 1)
            size += length
            text = content[place + 3 : place + size].replace(_OLD, _NEW)
            text = text.replace(_OLD.replace(b"/", b"."), _NEW.replace(b"/", b"."))
            parts.append(struct.pack(">BH", tag, len(text)) + text)
        else:
            parts.append(content[place : place + size])
        place += size
        number += 2 if tag in (_LONG, _DOUBLE) else 1  # those two take two numbers
    return b"".join(parts) + content[place:]

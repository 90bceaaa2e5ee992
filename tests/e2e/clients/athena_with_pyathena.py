"""PyAthena's cursors, over rows and over pandas, on a table that is made here."""

from pyathena import connect
from pyathena.error import DatabaseError
from pyathena.pandas.cursor import PandasCursor

place = {"s3_staging_dir": "s3://queries/pyathena/", "region_name": "us-east-1"}
cursor = connect(**place, schema_name="default").cursor()
cursor.execute("SELECT id, total FROM (VALUES ('a', 1.5), ('b', 2.5)) AS t (id, total) ORDER BY id")
assert [column[0] for column in cursor.description] == ["id", "total"]
assert [row[0] for row in cursor.fetchall()] == ["a", "b"]

frame = connect(**place, cursor_class=PandasCursor).cursor().execute("SELECT 7 AS n").as_pandas()
assert frame["n"].tolist() == [7]

asked = "SELECT id FROM (VALUES ('a', 1), ('b', 2)) AS t (id, n) WHERE n > ? OR id = ? ORDER BY id"
cursor.execute(asked, ["1", "'a'"], paramstyle="qmark")
assert [row[0] for row in cursor.fetchall()] == ["a", "b"]
assert cursor.execution_parameters == ["1", "'a'"]
cursor.execute(f"PREPARE above FROM {asked}")
cursor.execute("EXECUTE above USING 1, 'x'")
assert [row[0] for row in cursor.fetchall()] == ["b"]
cursor.execute("EXECUTE above", ["0", "''"], paramstyle="qmark")
assert [row[0] for row in cursor.fetchall()] == ["a", "b"]
cursor.execute("DEALLOCATE PREPARE above")
refusal = ""
try:
    cursor.execute("EXECUTE above USING 1, 'x'")
except DatabaseError as error:
    refusal = str(error)
assert "PreparedStatement above was not found in workGroup primary" in refusal

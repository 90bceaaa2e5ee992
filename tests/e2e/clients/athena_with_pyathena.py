"""PyAthena's cursors, over rows and over pandas, on a table that is made here."""

from pyathena import connect
from pyathena.pandas.cursor import PandasCursor

place = {"s3_staging_dir": "s3://queries/pyathena/", "region_name": "us-east-1"}
cursor = connect(**place, schema_name="default").cursor()
cursor.execute("SELECT id, total FROM (VALUES ('a', 1.5), ('b', 2.5)) AS t (id, total) ORDER BY id")
assert [column[0] for column in cursor.description] == ["id", "total"]
assert [row[0] for row in cursor.fetchall()] == ["a", "b"]

frame = connect(**place, cursor_class=PandasCursor).cursor().execute("SELECT 7 AS n").as_pandas()
assert frame["n"].tolist() == [7]

"""awswrangler: a frame as a table of the catalog, read back through Athena."""

import awswrangler as wr
import pandas as pd

frame = pd.DataFrame({"id": [1, 2, 3], "name": ["a", "b", "c"]})
wr.catalog.create_database("wrangled")
wr.s3.to_parquet(
    frame, path="s3://queries/table/", dataset=True, database="wrangled", table="orders"
)
assert wr.catalog.does_table_exist("wrangled", "orders")
found = wr.athena.read_sql_query(
    "SELECT id, name FROM orders ORDER BY id",
    database="wrangled",
    ctas_approach=False,
    s3_output="s3://queries/results/",
)
assert found["id"].tolist() == [1, 2, 3]
assert found["name"].tolist() == ["a", "b", "c"]

wr.athena.create_prepared_statement("SELECT name FROM orders WHERE id >= ? AND name <> ?", "some")
wr.athena.create_prepared_statement(
    "SELECT name FROM orders WHERE id > ? AND name <> ?", "some", mode="update"
)
assert [one["StatementName"] for one in wr.athena.list_prepared_statements()] == ["some"]
place = {"database": "wrangled", "ctas_approach": False, "s3_output": "s3://queries/results/"}
found = wr.athena.read_sql_query("EXECUTE some USING 1, 'b'", **place)
assert found["name"].tolist() == ["c"]
found = wr.athena.read_sql_query("EXECUTE some", params=["0", "'c'"], paramstyle="qmark", **place)
assert sorted(found["name"]) == ["a", "b"]
wr.athena.delete_prepared_statement("some")
assert wr.athena.list_prepared_statements() == []

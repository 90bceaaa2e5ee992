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

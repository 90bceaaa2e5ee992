"""DuckDB's own S3 client (httpfs): reads history by a pattern and by Hive folders, writes a file.

s3_with_duckdb.py PORT PATTERN ROWS
"""

import sys
from pathlib import Path

import duckdb
from duckdb_extension_httpfs import __file__ as package

port, pattern, rows = sys.argv[1:]
extension = Path(package).parent / f"extensions/v{duckdb.__version__}/httpfs.duckdb_extension"
connection = duckdb.connect()
connection.load_extension(str(extension))
connection.execute(
    f"CREATE SECRET (TYPE s3, KEY_ID 'any', SECRET 'any', REGION 'us-east-1', USE_SSL false,"
    f" ENDPOINT '127.0.0.1:{port}', URL_STYLE 'path')"
)
found = connection.execute(f"SELECT count(*), min(year) FROM read_parquet('{pattern}')").fetchone()
assert found == (int(rows), 2023), found
connection.execute("COPY (SELECT range AS id FROM range(1000)) TO 's3://made/ids.parquet'")
assert connection.execute("SELECT sum(id) FROM 's3://made/ids.parquet'").fetchone() == (499_500,)

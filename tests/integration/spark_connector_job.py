"""A Spark job with AWS's connector, in a process of its own:

    python spark_connector_job.py JAR BUCKET_FOLDER GROUP_ARN

`AWS_ENDPOINT_URL` says where the server is. The last line that it prints is JSON.
"""

import json
import sys

from feature_store_pyspark.FeatureStoreManager import FeatureStoreManager
from pyspark.sql import SparkSession

SCHEMA = "id string, time string, orders long, spend double"


def main(jar: str, bucket_folder: str, arn: str) -> None:
    settings = {
        "spark.jars": jar,
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        # Its offline path writes to s3a://, which is the store's folder here.
        "spark.hadoop.fs.s3a.impl": "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme",
        "spark.hadoop.fs.viewfs.mounttable.lake.linkFallback": bucket_folder,
    }
    spark = SparkSession.builder.master("local[1]").config(map=settings).getOrCreate()
    manager = FeatureStoreManager()
    frame = spark.createDataFrame(
        [("a", "2024-01-01T00:00:00Z", 1, 0.5), ("b", "2024-01-02T05:00:00Z", 2, None)], SCHEMA
    )
    told = {"definitions": manager.load_feature_definitions_from_schema(frame)}
    manager.ingest_data(frame, arn, target_stores=["OnlineStore"])
    more = frame.withColumn("orders", frame.orders + 10)
    manager.ingest_data(more, arn, use_batch_write_record=True)
    told["records"] = sorted(manager.list_records(arn)["RecordIdentifiers"])
    past_the_api = frame.withColumn("orders", frame.orders + 100)
    manager.ingest_data(past_the_api, arn, target_stores=["OfflineStore"])
    spark.stop()
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Where the history of a feature group lies: its folder, and its table in the catalog.

Both follow AWS's layout and carry the group's epoch, so that a group of the same name that comes
later has others.
"""

import re
from dataclasses import replace
from typing import NamedTuple

from tandem.model.feature_group import DataCatalog, OfflineStoreConfig

CATALOG = "AwsDataCatalog"
DATABASE = "sagemaker_featurestore"


class Account(NamedTuple):  # which is hashed for each request, and that fast
    """The account and region that appear in ARNs and in the paths of history."""

    account_id: str = "000000000000"
    region: str = "us-east-1"


def placed(
    offline: OfflineStoreConfig, account: Account, name: str, epoch: int
) -> OfflineStoreConfig:
    """`offline` with its folder, and with a table where the caller has named none."""
    catalog = offline.data_catalog
    if catalog is None and not offline.disable_glue_table_creation:
        table = re.sub(r"[^a-z0-9_]", "_", f"{name}_{epoch}".lower())
        catalog = DataCatalog(catalog=CATALOG, database=DATABASE, table=table)
    # Slashes that follow each other are one on disk, and readers list by the URI's text.
    scheme, _, rest = offline.s3_uri.partition("://")
    prefix = "/".join(part for part in rest.split("/") if part)
    return replace(
        offline,
        resolved_uri=(
            f"{scheme}://{prefix}/{account.account_id}/sagemaker/{account.region}"
            f"/offline-store/{name}-{epoch}/data"
        ),
        data_catalog=catalog,
    )

"""`tandem retire` and `tandem restore`: features that readers do not see."""

import click

from tandem.cli.group_names import group_name_argument
from tandem.cli.output import print_outcome
from tandem.cli.store_option import with_store
from tandem.sdk.store import FeatureStore


@click.command()
@group_name_argument
@click.argument("feature")
@with_store
def retire(store: FeatureStore, as_json: bool, name: str, feature: str) -> None:
    """Hide a feature from readers.

    Writes that give it are refused. Its history is kept; restore takes this back.
    """
    store.feature_group(name).retire_feature(feature)
    print_outcome(
        as_json, {"feature_group": name, "retired": feature}, f"retired {feature} of {name}"
    )


@click.command()
@group_name_argument
@click.argument("feature")
@with_store
def restore(store: FeatureStore, as_json: bool, name: str, feature: str) -> None:
    """Show a retired feature again.

    Older values are seen again, too.
    """
    store.feature_group(name).restore_feature(feature)
    print_outcome(
        as_json, {"feature_group": name, "restored": feature}, f"restored {feature} of {name}"
    )

"""The two places of a store, and where one of them is enough: the other would show nothing more."""

from pathlib import Path
from typing import NamedTuple

import pytest


class Place(NamedTuple):
    """What `tandem.connect` takes, and the store's folder, which may be a server's."""

    location: str
    folder: Path


ON_A_FOLDER = pytest.mark.parametrize("place", ["folder"], indirect=True)
ON_A_SERVER = pytest.mark.parametrize("place", ["server"], indirect=True)

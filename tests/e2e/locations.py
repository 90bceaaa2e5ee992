"""Where one of the two places of a store is enough, since the other would show nothing more."""

import pytest

ON_A_FOLDER = pytest.mark.parametrize("location", ["folder"], indirect=True)
ON_A_SERVER = pytest.mark.parametrize("location", ["server"], indirect=True)

"""Articles on SageMaker Feature Store: their code runs as it stands after `eval "$(tandem env)"`.

The articles are not part of this project; where their folder is not beside it, these tests are
skipped, and those in `test_sdk` make the same calls. Each program in `articles` reads the code out
of one text, supplies what it takes for granted, and says what the SDK itself rejects.
"""

from pathlib import Path

import pytest

from e2e.sagemaker.notebook import HERE, ROOT, run_notebook
from e2e.server_process import ServerProcess

PROGRAMS = {"000": "with_boto3", "001": "architecture", "002": "step_by_step", "003": "pipeline"}


def article(number: str) -> Path:
    for parent in ROOT.parents:
        for found in (parent / "shared/seeds").glob(f"{number}_*.txt"):
            return found
    pytest.skip("no folder shared/seeds beside the project")


@pytest.mark.parametrize("number", PROGRAMS)
def test_the_code_of_an_article(number: str, tmp_path: Path) -> None:
    text, program = article(number), HERE / f"articles/{PROGRAMS[number]}.py"
    with ServerProcess(tmp_path / "data") as server:
        run_notebook(program, "v2", server, tmp_path / "home", str(text))

"""Terraform as a user runs it: the real binary, and the real provider from a local folder.

The provider is not fetched: a folder called `tf-plugins` must hold it, laid out as
`terraform providers mirror` does, in a usual place or where TANDEM_TF_PLUGINS says.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MIRROR_VARIABLE = "TANDEM_TF_PLUGINS"
MIRROR_NAME = "tf-plugins"
MIRROR_ROOTS = (Path("/opt"), Path("/usr/local/share"), Path.home())
RUN_SECONDS_MAX = 300
SAID_CHARACTERS = 6_000
REGION = "us-east-1"


@dataclass(frozen=True)
class Tools:
    """Where Terraform and the folder of its provider are."""

    binary: str
    mirror: Path


def find_tools() -> Tools | str:
    """The tools, or what is missing."""
    binary = shutil.which("terraform")
    if binary is None:
        return "needs the terraform binary on the PATH"
    named = os.environ.get(MIRROR_VARIABLE)
    places = [Path(named)] if named else [root / MIRROR_NAME for root in MIRROR_ROOTS]
    for place in places:
        if any(place.glob("*/hashicorp/aws")):
            return Tools(binary, place)
    looked = ", ".join(map(str, places))
    return f"needs a mirror of the provider hashicorp/aws; set {MIRROR_VARIABLE} (not in {looked})"


class Terraform:
    """One folder of configuration, with its state.

    endpoint   where the provider sends everything; None where the configuration says it itself
    report     gets the name and the seconds of each step
    """

    def __init__(
        self, folder: Path, tools: Tools, endpoint: str | None, report: Callable[[str, float], None]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._binary = tools.binary
        self._report = report
        self._log = folder / "terraform.log"
        settings = folder / "cli.tfrc"
        settings.write_text(
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{tools.mirror}"\n'
            "  }\n}\n"
        )
        self._environment = {**_clean_environment(), "TF_CLI_CONFIG_FILE": str(settings)}
        self._environment |= {"HOME": str(folder), "TF_LOG": "DEBUG", "TF_LOG_PATH": str(self._log)}
        if endpoint is not None:
            self._environment["AWS_ENDPOINT_URL"] = endpoint

    def copy(self, *files: Path) -> None:
        for file in files:
            shutil.copy(file, self.folder)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def init(self) -> None:
        self._run("init")

    def apply(self, *arguments: str) -> str:
        """Applies without asking; returns what Terraform says."""
        return self._run("apply", "-auto-approve", *arguments)[1]

    def plan(self, *arguments: str) -> tuple[bool, str]:
        """Whether there is anything to do, and what Terraform says."""
        code, said = self._run("plan", "-detailed-exitcode", *arguments, codes=(0, 2))
        return code == 2, said

    def destroy(self, *arguments: str) -> str:
        return self._run("destroy", "-auto-approve", *arguments)[1]

    def check_format(self) -> None:
        self._run("fmt", "-check", "-diff", log=False)

    def resources(self) -> dict[str, dict[str, Any]]:
        """The attributes of each managed resource in the state, by address."""
        state = json.loads((self.folder / "terraform.tfstate").read_text())
        return dict(_resources(state))

    def _run(
        self, step: str, *arguments: str, codes: tuple[int, ...] = (0,), log: bool = True
    ) -> tuple[int, str]:
        command = [self._binary, step, *arguments]
        command += ["-no-color", "-input=false"] if log else []
        began = time.monotonic()
        run = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            text=True,
            timeout=RUN_SECONDS_MAX,
        )
        self._report(step, time.monotonic() - began)
        if run.returncode not in codes:
            tail = self._log.read_text()[-SAID_CHARACTERS:] if self._log.exists() else ""
            raise AssertionError(
                f"terraform {step} ended with {run.returncode}:\n{run.stdout[-SAID_CHARACTERS:]}\n"
                f"the end of {self._log}:\n{tail}"
            )
        return run.returncode, run.stdout


def _clean_environment() -> dict[str, str]:
    """The environment without settings of Terraform or AWS, but with credentials that say nothing.

    Without them the provider would look for others, in files and on the network.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TF_", "AWS_", "TANDEM_"))
    }
    return {
        **kept,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
        "CHECKPOINT_DISABLE": "1",
    }


def _resources(state: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in state["resources"]:
        if resource["mode"] != "managed":
            continue
        for instance in resource["instances"]:
            key = f"[{json.dumps(instance['index_key'])}]" if "index_key" in instance else ""
            yield f"{resource['type']}.{resource['name']}{key}", instance["attributes"]

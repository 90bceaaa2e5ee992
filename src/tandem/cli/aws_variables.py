"""The variables under which a shell's AWS clients use one server, and no other.

* The files that they name are part of this package: nothing is written anywhere.
* What would take a request elsewhere is among them, to be removed: profiles, addresses of single
  services, session tokens. A proxy is told to leave the server's host alone.
* The access key is the one that the server takes. One that checks no signatures takes any.
* The settings of the SageMaker SDK that somebody has are kept: ours take a place that is free.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tandem.sdk.credentials import Credentials

_REDIRECTION = Path(__file__).parent / "redirection"
_ANY = Credentials("tandem", "tandem")
_LEADING_ELSEWHERE = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
)
_ADDRESS_OF_A_SERVICE = "AWS_ENDPOINT_URL_"
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_SDK_SETTINGS = ("SAGEMAKER_ADMIN_CONFIG_OVERRIDE", "SAGEMAKER_USER_CONFIG_OVERRIDE")
"""In the order in which the SDK reads them: what stands in the second one's file wins."""


def aws_variables(
    url: str, region: str, before: Mapping[str, str], credentials: Credentials = _ANY
) -> dict[str, str | None]:
    """What to set, and what to remove (None), in an environment that is `before` now."""
    variables: dict[str, str | None] = {
        name: None
        for name in sorted(before)
        if name in _LEADING_ELSEWHERE
        or (name.startswith(_ADDRESS_OF_A_SERVICE) and name.isidentifier())
    }
    variables |= {
        "AWS_ENDPOINT_URL": url,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        # For the SageMaker SDK's own STS clients: the folder says why.
        "PYTHONPATH": _joined(str(_REDIRECTION), before.get("PYTHONPATH"), ":"),
        # PyIceberg's files go through Arrow, which does not look at AWS_ENDPOINT_URL there.
        "PYICEBERG_CATALOG__GLUE__S3__ENDPOINT": url,
        "PYICEBERG_CATALOG__GLUE__S3__REGION": region,
        "TANDEM_STORE": url,
    }
    if credentials.session_token is not None:
        variables["AWS_SESSION_TOKEN"] = credentials.session_token
    free = _free_place_of_sdk_settings(before)
    if free is not None:
        variables[free] = str(_REDIRECTION / "sagemaker.yaml")
    if any(before.get(form) for name in _PROXIES for form in (name, name.upper())):
        host = urlsplit(url).hostname or ""
        for name in ("no_proxy", "NO_PROXY"):
            variables[name] = _joined(host, before.get(name), ",")
    return variables


def _joined(first: str, others: str | None, separator: str) -> str:
    return f"{first}{separator}{others}" if others else first


def _free_place_of_sdk_settings(before: Mapping[str, str]) -> str | None:
    """The variable for our settings that hides none of the user's; None where there is none."""
    for name, file in zip(_SDK_SETTINGS, _sdk_files(before), strict=True):
        if name not in before and not file.exists():
            return name
    return None


def _sdk_files(before: Mapping[str, str]) -> tuple[Path, Path]:
    """Where the SDK looks for settings of the machine, and of the user."""
    home = Path(before.get("HOME", "~")).expanduser()
    if sys.platform == "darwin":
        support = Path("Library/Application Support/sagemaker/config.yaml")
        return Path("/") / support, home / support
    machine = (before.get("XDG_CONFIG_DIRS") or "/etc/xdg").partition(":")[0]
    user = before.get("XDG_CONFIG_HOME") or str(home / ".config")
    file = "sagemaker/config.yaml"
    return Path(machine) / file, Path(user) / file

"""Requests for the operations of STS, each valid as it stands."""

from typing import Any

from .bench import ROLE, STS
from .role_requests import ACCESS, BOUNDARY

_MFA = {"SerialNumber": "arn:aws:iam::123456789012:mfa/me", "TokenCode": "123456"}
_ROLE = {
    "RoleArn": ROLE,
    "RoleSessionName": "notebook",
    "DurationSeconds": 900,
    "Policy": ACCESS,
    "PolicyArns": [{"arn": BOUNDARY}],
    "MinimumSessionTokenSize": 1_000,
}
SESSION_REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    (STS, "GetCallerIdentity", {}),
    (STS, "AssumeRole", {
        **_ROLE, **_MFA, "Tags": [{"Key": "team", "Value": "a"}], "TransitiveTagKeys": ["team"],
        "ExternalId": "partner", "SourceIdentity": "somebody",
        "ProvidedContexts": [{"ProviderArn": ROLE, "ContextAssertion": "text"}]}),
    (STS, "AssumeRoleWithWebIdentity", {
        **_ROLE, "WebIdentityToken": "token", "ProviderId": "example.com"}),
    (STS, "GetSessionToken", {
        **_MFA, "DurationSeconds": 900, "MinimumSessionTokenSize": 1_000}),
    (STS, "GetAccessKeyInfo", {"AccessKeyId": "ASIAEXAMPLEEXAMPLE22"}),
]  # fmt: skip

"""Requests as bytes, made before anything is measured; signed, where a key is given."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


class Key(NamedTuple):
    """An access key. A signature holds for some minutes, so requests are made just before use."""

    id: str
    secret: str


class Requests(NamedTuple):
    """Makes requests to the server at a port of this machine."""

    port: int
    key: Key | None = None

    def get(self, group: str, identifier: str) -> bytes:
        query = f"RecordIdentifierValueAsString={identifier}"
        return self.request("GET", f"/FeatureGroup/{group}?{query}")

    def put(self, group: str, record: Sequence[tuple[str, str]]) -> bytes:
        values = [{"FeatureName": name, "ValueAsString": text} for name, text in record]
        return self.request("PUT", f"/FeatureGroup/{group}", {"Record": values})

    def batch_get(
        self, identifiers: Sequence[tuple[str, Sequence[str]]], accept: str = "*/*"
    ) -> bytes:
        """One for records of many groups: names of groups with identifiers."""
        asked = [
            {"FeatureGroupName": group, "RecordIdentifiersValueAsString": list(of_group)}
            for group, of_group in identifiers
        ]
        return self.request("POST", "/BatchGetRecord", {"Identifiers": asked}, accept)

    def constant(self) -> bytes:
        return self.request("GET", "/health")

    def request(self, method: str, path: str, body: object = None, accept: str = "*/*") -> bytes:
        data = b"" if body is None else json.dumps(body).encode()
        headers = {"host": f"127.0.0.1:{self.port}", "accept": accept}
        if data:
            headers |= {"content-type": "application/json", "content-length": str(len(data))}
        if self.key is not None:
            request = AWSRequest(method, f"http://{headers['host']}{path}", headers, data)
            SigV4Auth(Credentials(*self.key), "sagemaker", "us-east-1").add_auth(request)
            headers = dict(request.headers.items())
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + data

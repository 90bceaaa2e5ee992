"""Signature version 4, by which AWS's clients show that they hold a secret access key.

    method, path, query, signed headers, hash of the body      the canonical request
        └─ SHA-256 ─► with moment and scope                    the string to sign
                         └─ HMAC, by the signing key ─►        the signature, 64 hex digits
    secret ─ HMAC ─► date ─► region ─► service ─► aws4_request the signing key

Pure rules, for the server that verifies and the library that signs. Text stands for bytes, as
latin-1 has it: what is signed is what is on the wire.

Clients differ in how they write a path or a query down before they sign it. `paths` and `queries`
give the forms that are in use, the commonest first. All of them lead to the same resource, so that
whoever verifies may take any: none of them is the form of another request.
"""

import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote, unquote_to_bytes

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
EMPTY_SHA256 = sha256(b"").hexdigest()
SIGNATURE_DIGITS = 64
_CACHED_KEYS = 1_024
_CACHED_PATHS = 1_024
_CACHED_PATH_BYTES_MAX = 256


@lru_cache(_CACHED_KEYS)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key for one day, region and service. Found by the secret itself, so a key that has been
    replaced is never taken for the new one.
    """
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def signature(key: bytes, timestamp: str, scope: str, canonical: bytes) -> str:
    """The signature of a canonical request. `timestamp` is of the form 20260131T120000Z, `scope` is
    date/region/service/aws4_request.
    """
    text = f"{ALGORITHM}\n{timestamp}\n{scope}\n{sha256(canonical).hexdigest()}"
    return hmac.digest(key, text.encode(), "sha256").hex()


def canonical_request(
    method: str, path: str, query: str, lines: str, signed_headers: str, payload_hash: str
) -> str:
    """`path` and `query` in one of their forms; `lines` as `header_lines` makes them;
    `signed_headers` are the names with semicolons between them.
    """
    return f"{method}\n{path}\n{query}\n{lines}\n{signed_headers}\n{payload_hash}"


def header_lines(names: Iterable[str], headers: Mapping[str, str]) -> str:
    """A line for each header. Raises KeyError for one that is not there."""
    return "".join([f"{name}:{_folded(headers[name])}\n" for name in names])


def paths(raw_path: bytes, *, encoded_once: bool) -> Sequence[str]:
    """The forms of a path as it is on the wire, percent-encoded.

    S3 signs it encoded once, and dots and empty segments are part of it. Elsewhere it is encoded
    a second time, after such segments are taken out, or, by some clients, as it stands.
    """
    if len(raw_path) > _CACHED_PATH_BYTES_MAX:
        return _paths(raw_path, encoded_once)
    return _known_paths(raw_path, encoded_once)


def queries(raw_query: bytes) -> Iterator[str]:
    """The forms of a query as it is on the wire: sorted as it stands, and encoded anew."""
    if not raw_query:
        yield ""
        return
    text = raw_query.decode("latin-1")
    if "&" not in text and "=" in text:
        as_it_stands = text
    else:
        pairs = [pair.partition("=") for pair in text.split("&")]
        as_it_stands = _joined((name, value) for name, _, value in pairs)
    yield as_it_stands
    anew = _joined(
        (_encoded_anew(name), _encoded_anew(value))
        for name, _, value in (pair.partition("=") for pair in text.split("&") if pair)
    )
    if anew != as_it_stands:
        yield anew


def _paths(raw_path: bytes, encoded_once: bool) -> Sequence[str]:
    text = raw_path.decode("latin-1")
    if encoded_once:
        forms = [text or "/", quote(unquote_to_bytes(raw_path), safe="/~") or "/"]
    else:
        forms = [_encoded(_without_dots(text)), _encoded(text or "/")]
    return tuple(dict.fromkeys(forms))


_known_paths = lru_cache(_CACHED_PATHS)(_paths)


def _encoded(text: str) -> str:
    return quote(text, safe="/~", encoding="latin-1")


def _encoded_anew(text: str) -> str:
    decoded = unquote_to_bytes(text.replace("+", " ").encode("latin-1"))
    return quote(decoded, safe="~")


def _without_dots(path: str) -> str:
    """RFC 3986, section 5.2.4, and empty segments go, too."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    return f"/{'/'.join(kept)}{'/' if kept and path.endswith('/') else ''}"


def _joined(pairs: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _folded(value: str) -> str:
    """Without white space at its ends, and with one space for several. White space is that of
    ASCII: bytes above it may be parts of characters.
    """
    if "  " in value or "\t" in value:
        return " ".join(part for part in value.replace("\t", " ").split(" ") if part)
    return value.strip(" ")

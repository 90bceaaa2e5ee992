"""The errors of signatures. Each protocol has its own codes for them, in its table of errors."""

from tandem.errors import NotAuthenticated


class MissingAuthenticationToken(NotAuthenticated):
    """The request is not signed."""


class IncompleteSignature(NotAuthenticated):
    """What the request says of its signature cannot be read, or lacks something."""


class InvalidSignature(NotAuthenticated):
    """The signature is not the one of this request and this key."""


class RequestTimeTooSkewed(InvalidSignature):
    """The request was signed too long ago, or is from the future."""


class RequestExpired(InvalidSignature):
    """A presigned request whose time is over."""


class UnrecognizedClient(NotAuthenticated):
    """There is no such access key."""


class InvalidToken(UnrecognizedClient):
    """The session token is not one of the access key's."""


class ExpiredToken(NotAuthenticated):
    """The session is over, or the access key behind it is gone."""

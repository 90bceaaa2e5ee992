"""Shapes of sts: who is calling."""

from tandem.wire.shapes.shape import Shape


class GetCallerIdentityRequest(Shape):
    """Asks for nothing: the caller is known by the signature."""


class GetCallerIdentityResponse(Shape):
    user_id: str
    account: str
    arn: str

"""Shapes of Tandem's own operations: aliases."""

from tandem.wire.shapes.shape import Shape


class Alias(Shape):
    alias: str
    feature_group_name: str


class ListAliasesRequest(Shape):
    pass


class ListAliasesResponse(Shape):
    aliases: list[Alias]


class SetAliasRequest(Shape):
    feature_group_name: str
    alias: str = ""


class RemoveAliasRequest(Shape):
    alias: str = ""

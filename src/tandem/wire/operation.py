"""What an operation is, and what a protocol must do with one.

A service is a table of operations, in one file; a protocol turns bytes into an operation's request
and its answer into bytes. The router knows neither: it runs the list in `tandem.wire.router`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import msgspec

from tandem.errors import TandemError
from tandem.online.base import OnlineStore
from tandem.service.adoption import Adoption
from tandem.service.aliases import Aliases
from tandem.service.athena import Athena
from tandem.service.batch_get import BatchGet
from tandem.service.catalog import Catalog
from tandem.service.cloning import Cloning
from tandem.service.feature_group_updates import FeatureGroupUpdates
from tandem.service.feature_groups import FeatureGroups
from tandem.service.group_commit import GroupCommit
from tandem.service.history_files import HistoryFileLists
from tandem.service.records import Records
from tandem.service.role_sessions import RoleSessions
from tandem.service.roles import Roles
from tandem.service.search import Search
from tandem.service.usage import Usage
from tandem.wire.error_table import Dialect, ErrorCode
from tandem.wire.http import Request, Response

RequestShape = TypeVar("RequestShape", bound=msgspec.Struct)
Answer: TypeAlias = msgspec.Struct | None
"""A shape, or None for an empty body."""
Plain: TypeAlias = Callable[[bytes], bytes | None]
"""Answers a query string with JSON, both as on the wire; None where it has to be decoded."""


async def awaited(answer: Answer | Awaitable[Answer]) -> Answer:
    """What an operation has answered, at once or not."""
    return answer if answer is None or isinstance(answer, msgspec.Struct) else await answer


class Core(Protocol):
    """The services that operations call."""

    @property
    def groups(self) -> FeatureGroups: ...

    @property
    def updates(self) -> FeatureGroupUpdates: ...

    @property
    def adoption(self) -> Adoption: ...

    @property
    def aliases(self) -> Aliases: ...

    @property
    def athena(self) -> Athena: ...

    @property
    def batch_get(self) -> BatchGet: ...

    @property
    def catalog(self) -> Catalog: ...

    @property
    def commits(self) -> GroupCommit: ...

    @property
    def cloning(self) -> Cloning: ...

    @property
    def history_files(self) -> HistoryFileLists: ...

    @property
    def online(self) -> OnlineStore: ...

    @property
    def search(self) -> Search: ...

    @property
    def records(self) -> Records: ...

    @property
    def roles(self) -> Roles: ...

    @property
    def role_sessions(self) -> RoleSessions: ...

    @property
    def usage(self) -> Usage: ...


class Place(Enum):
    """Which process performs an operation, in a server that has one for queries beside it.

    HERE                    the one that answers requests
    QUERIES                 the process of queries: it may keep a processor busy for long
    QUERIES_WHERE_IT_RUNS   that one, which knows most; here, from what is stored, while it does not
                            run
    """

    HERE = "here"
    QUERIES = "queries"
    QUERIES_WHERE_IT_RUNS = "queries, where it runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[RequestShape]):
    """One operation: how it is named and found, what it takes, and who performs it.

    perform         answers: at once, where it need not wait for anything
    method, path    where REST finds it; `{Member}` in the path binds a member of the request
    query           members bound to the query string, with their names there
    errors          the errors this operation has a code for, beside those that any may answer
    place           which process performs it
    as_arrow        performs it for whoever accepts Arrow: answers with ArrowStreams
    plain_for       REST: for members that a path carries, what answers plain queries with them as
                    `perform` would; None where there is no such thing
    """

    name: str
    request: type[RequestShape]
    perform: Callable[[RequestShape], Answer | Awaitable[Answer]]
    method: str = "POST"
    path: str = "/"
    query: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[type[TandemError], ...] = ()
    place: Place = Place.HERE
    as_arrow: Callable[[RequestShape], Answer | Awaitable[Answer]] | None = None
    plain_for: Callable[[Mapping[str, str]], Plain | None] | None = None


class ArrowStreams(msgspec.Struct):
    """An answer that is one Arrow stream, or several, one behind the other."""

    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The operations of one AWS service.

    name          as botocore calls it
    signing_name  the service in the scope of signatures
    prefix        AWS JSON: what stands before the dot of X-Amz-Target
    namespace     AWS query: the XML namespace of answers
    """

    name: str
    dialect: Dialect
    operations: Sequence[Operation[Any]]
    signing_name: str = "sagemaker"
    prefix: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """An operation that was found for a request, with the members that its path carries.

    plain   what the operation's `plain_for` gave for them
    """

    service: Service
    operation: Operation[Any]
    labels: Mapping[str, str] = field(default_factory=dict)
    plain: Plain | None = None


class WireProtocol(Protocol):
    """One way to write requests and answers down."""

    dialect: Dialect
    """Whose error codes apply before a service is found."""

    def claims(self, request: Request) -> bool:
        """Whether the request is written in this protocol."""

    def identify(self, request: Request) -> Call:
        """The operation asked for. Raises UnknownOperation."""

    def decode(self, call: Call, request: Request) -> msgspec.Struct:
        """The operation's request. Raises SerializationError and ValidationError."""

    def encode(self, call: Call, answer: Answer, request_id: str) -> Response: ...

    def encode_error(self, code: ErrorCode, message: str, request_id: str) -> Response: ...

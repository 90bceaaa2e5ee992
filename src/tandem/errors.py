"""Every error that Tandem raises on purpose, as one tree.

    TandemError
    ├── ValidationError          the input is wrong; nothing was written
    │   ├── MalformedPolicyDocument   the text is no policy of IAM
    │   └── UnmodifiableEntity        a role that belongs to the store
    ├── ResourceNotFound         no such feature group or record
    ├── ResourceInUse            the name is taken
    ├── ResourceLimitExceeded    a limit of the account is reached
    ├── ConflictError            somebody else was faster, or the event time is older
    │   ├── DeleteConflict            what is to be deleted still has something in it
    │   └── HistoryChanged            history is not what a training set was made of
    ├── AccessForbidden          the caller may not do this
    │   └── NotAuthenticated          the request is not signed, or not as it should be
    ├── QueryFailed              the SQL statement cannot be run
    │   ├── QueryCancelled            somebody ended it, or its time was over
    │   └── MemoryExceeded            it needs more memory than it may have
    ├── StoreUnavailable         try again later: full, closed or held by another process
    │   ├── Throttled                 too many requests for the moment
    │   └── AnswerLost                nobody knows whether it was done: look before trying again
    └── DataCorrupted            stored bytes do not match their checksum

The tree knows no HTTP: the border (`tandem.wire`) has the one table of codes and statuses. A
message names the thing that is wrong, quotes the value, and says what to do next.
"""


class TandemError(Exception):
    """Base of all errors in this module. `str(error)` is fit to be shown to a user.

    retryable   whether nothing was done, and the same call may succeed later
    """

    retryable = False


class ValidationError(TandemError):
    """The request is not well-formed or does not fit the feature group. Nothing was written."""


class MalformedPolicyDocument(ValidationError):
    """The text is not a policy as IAM writes them. Nothing was written."""


class UnmodifiableEntity(ValidationError):
    """The role is part of every store and stays as it is."""


class ResourceNotFound(TandemError):
    """The feature group or the record does not exist."""


class ResourceInUse(TandemError):
    """A feature group of this name exists already."""


class ResourceLimitExceeded(TandemError):
    """A documented limit would be exceeded."""


class ConflictError(TandemError):
    """The write lost against a newer state."""


class DeleteConflict(ConflictError):
    """Something belongs to what is to be deleted. Delete that first."""


class HistoryChanged(ConflictError):
    """A recorded training set cannot be rebuilt: what it was made of is not there any more."""


class AccessForbidden(TandemError):
    """The caller is not allowed to do this."""


class NotAuthenticated(AccessForbidden):
    """The request is not signed with an access key of the server's, or not rightly so."""


class QueryFailed(TandemError):
    """The engine refused or could not finish a SQL statement."""


class QueryCancelled(QueryFailed):
    """The statement was ended from outside while it waited or ran."""


class MemoryExceeded(QueryFailed):
    """The statement, or its answer, needs more memory than there is for it."""


class StoreUnavailable(TandemError):
    """The store cannot answer now. The same request may succeed later."""

    retryable = True


class Throttled(StoreUnavailable):
    """More is asked than is granted at the moment. Nothing was done."""


class AnswerLost(StoreUnavailable):
    """The server was asked and did not answer: the call may have been carried out."""

    retryable = False


class DataCorrupted(TandemError):
    """Stored bytes fail their checksum. Restore the named file from a backup."""

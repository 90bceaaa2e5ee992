"""What an ingestion has done."""

from tandem.sdk.frames import Result
from tandem.service.ingestion import Ingested


class IngestResult(int):
    """How many rows were written, as a number, with more to know about them.

    failed         the rows that were left out, as they were given, with their number in the input
                   from 0 (`_row`) and what is wrong with them (`_reason`); None where there are
                   none. The table can be corrected and ingested again as it is.
    ingestion_id   the name under which the input went
    """

    failed: Result | None
    ingestion_id: str

    def __new__(cls, done: Ingested) -> "IngestResult":
        # A number, since that is what most callers want of it.
        result = super().__new__(cls, done.rows)
        result.failed = None if done.failed is None else Result(done.failed)
        result.ingestion_id = done.ingestion_id
        return result

    @property
    def rows(self) -> int:
        """How many rows were written."""
        return int(self)

    def __repr__(self) -> str:
        failed = 0 if self.failed is None else len(self.failed)
        return f"<{self.rows} rows written, {failed} failed; ingestion {self.ingestion_id}>"

"""Athena: statements performed over groups, files and views, and their executions.

executions ─► statements ─┬─► relations ─► the query engine
                          ├─► databases, tables, partitions ─► the catalog
                          └─► written_data ─► files in S3
"""

from tandem.service.athena.athena import Athena, AthenaParts

__all__ = ["Athena", "AthenaParts"]

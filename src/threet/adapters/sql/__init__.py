"""The database: MariaDB in production, SQLite embedded; the same repositories over both."""

from threet.adapters.sql.cycle_store import SqlCycleStore
from threet.adapters.sql.engine import make_engine
from threet.adapters.sql.errors import DatabaseError
from threet.adapters.sql.housekeeping import prune
from threet.adapters.sql.products import SqlProducts
from threet.adapters.sql.run_wishes import SqlRunWishes
from threet.adapters.sql.runs import SqlRunsPublisher
from threet.adapters.sql.schema import SchemaError, check_schema, create_schema
from threet.adapters.sql.sequences import SqlObserverSequences
from threet.adapters.sql.snapshots import SqlSnapshotStore

__all__ = [
    "DatabaseError",
    "SchemaError",
    "SqlCycleStore",
    "SqlObserverSequences",
    "SqlProducts",
    "SqlRunWishes",
    "SqlRunsPublisher",
    "SqlSnapshotStore",
    "check_schema",
    "create_schema",
    "make_engine",
    "prune",
]

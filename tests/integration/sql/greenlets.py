"""A process whose sockets and locks are eventlet's, as a worker's are: ``python -m tests.integration.sql.greenlets CONFIG SECRETS``.

Twenty greenlets write and read at once over one engine; prints what the counter came to.
"""

import eventlet

eventlet.monkey_patch()

import sys  # noqa: E402 - the patch comes first, as with celery -P eventlet
from pathlib import Path  # noqa: E402

from sqlalchemy import Connection, text  # noqa: E402
from tests.integration.sql.contender import COUNTER  # noqa: E402

from threet.adapters.sql import SqlCycleStore, make_engine  # noqa: E402
from threet.adapters.sql.state import get_state, put_state  # noqa: E402
from threet.adapters.sql.transactions import read, write  # noqa: E402
from threet.settings import load_secrets, load_settings  # noqa: E402

GREENLETS = 20
TIMES = 10


def main() -> None:
    settings = load_settings(Path(sys.argv[1]))
    engine = make_engine(settings, load_secrets(Path(sys.argv[2]), settings))
    store = SqlCycleStore(engine)

    def count(connection: Connection) -> None:
        if engine.dialect.name != "sqlite":  # where BEGIN IMMEDIATE locks the file, MariaDB locks the row
            connection.execute(text("SELECT value FROM platform_state WHERE name = 'epoch' FOR UPDATE"))
        put_state(connection, COUNTER, str(int(get_state(connection, COUNTER) or 0) + 1))

    def work(_: int) -> None:
        for _ in range(TIMES):
            write(engine, count)
            store.control()

    for _ in eventlet.GreenPool(GREENLETS).imap(work, range(GREENLETS)):
        pass
    print(read(engine, lambda connection: get_state(connection, COUNTER)))


if __name__ == "__main__":
    main()

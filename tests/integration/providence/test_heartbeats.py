"""Whatever Providence publishes, the heartbeat sums up exactly the rows that are there once it is committed."""

import uuid
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Integer, cast, func, select
from tests.support.databases import empty
from tests.support.market_steps import A, B, rules, session
from tests.support.properties import examples
from tests.support.publisher import publisher_of
from tests.support.shard import NOW, Shard, entries_of

from threet.adapters.sql import SqlCycleStore, SqlRunsPublisher
from threet.adapters.sql import runs as runs_module
from threet.adapters.sql.errors import DatabaseError
from threet.adapters.sql.tables import providence_shards, runs
from threet.application.facts import Votes
from threet.engine.engine import Engine
from threet_providence.adoption import Adoption
from threet_providence.files import Folders

SYMBOLS = (A, B)
ENTRIES = entries_of(list(session(SYMBOLS, bars=60)))
LONG_AGO = NOW.replace(year=2000)

ACTIONS = st.sampled_from(["feed"] * 4 + ["publish"] * 4 + ["save"] * 2 + ["end", "restart", "harm", "away", "silent", "rescale"])


class Table:
    """The real one, whose database is away at times, or commits and does not answer."""

    def __init__(self, engine):
        self._real, self.mood = SqlRunsPublisher(engine), "well"

    def publish(self, *told):
        if self.mood == "away":
            raise DatabaseError("gone away")
        self._real.publish(*told)
        if self.mood == "silent":
            raise DatabaseError("no answer")

    def retire_absent(self, *told):
        if self.mood == "away":
            raise DatabaseError("gone away")
        return self._real.retire_absent(*told)


class Fleet:
    """All shards over one folder and one database."""

    def __init__(self, root, engine):
        self.root, self.table, self.engine = root, Table(engine), engine
        self.start(1)

    def start(self, shards):
        folders = Folders(self.root)
        folders.make()
        Adoption(folders, shards, lambda shard, of: Engine(rules(6, shard=shard, shards=of)), lambda: NOW).run()
        self.shards = [Shard(self.root, SYMBOLS, told=rules(6, shard=shard, shards=shards)) for shard in range(shards)]
        self.entries = [iter(shard.next_of(ENTRIES)) for shard in self.shards]
        self.publishers = []
        for shard in self.shards:
            shard.feed([])  # nothing waits in the streams: what it has may be shown
            publisher = publisher_of(shard, self.table, SYMBOLS, most_waiting=2)
            publisher.begin(shard.found.quarantined)
            self.publishers.append(publisher)

    def act(self, action, draw):
        number = draw(st.integers(0, len(self.shards) - 1))
        shard = self.shards[number]
        match action:
            case "feed":
                self.feed(number, draw(st.sampled_from([1, 5, 30])))
            case "save":
                segments = {path: path.read_bytes() for path in self.root.glob("journal-*")}
                shard.save()
                for path in segments if draw(st.booleans()) else ():  # as a kill before they were removed leaves them
                    path.write_bytes(segments[path])
            case "end":
                ids = sorted(shard.engine.runs.slot_of)
                shard.loop._take_wishes(dict.fromkeys(ids[: draw(st.integers(0, len(ids)))], "a person"))
            case "restart":
                self.start(len(self.shards))
            case "rescale":
                self.start(draw(st.integers(1, 3)))
            case "harm":
                files = sorted(path for kind in ("run_*.json", "ending/run_*.json") for path in self.root.glob(kind))
                for path in files[draw(st.integers(0, 3)) :: draw(st.integers(2, 9))]:
                    path.write_bytes(path.read_bytes()[:-9])
                self.start(len(self.shards))
            case _:
                self.publish(number, "well" if action == "publish" else action, draw(st.booleans()))

    def feed(self, number, count):
        for entry in islice(self.entries[number], count):
            self.shards[number].feed([entry])

    def publish(self, number, mood, votes_changed):
        self.table.mood = mood
        self.publishers[number].once(votes_changed)
        self.table.mood = "well"
        if mood != "away":
            told, rows = sums_of(self.engine, number)
            assert told == rows


def sums_of(engine, shard):
    """Direction, voters and active runs of each symbol: as the shard's heartbeat tells them, and by its rows."""
    with engine.connect() as connection:
        by_symbol = connection.execute(select(providence_shards.c.by_symbol).where(providence_shards.c.shard == shard)).scalar_one()
        votes = cast(runs.c.votes, Integer)
        summed = select(runs.c.symbol, func.sum(votes * runs.c.position_direction), func.sum(votes), func.count())
        found = connection.execute(summed.where(runs.c.shard == shard, runs.c.status == "active").group_by(runs.c.symbol)).all()
    told = {name: (part["direction_sum"], part["voters"], part["active_runs"]) for name, part in by_symbol.items()}
    return {name: sums for name, sums in told.items() if sums != (0, 0, 0)}, {name: tuple(map(int, sums)) for name, *sums in found}


@settings(max_examples=min(examples(0.5), 60), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_the_heartbeat_sums_up_the_rows_after_each_publication(engine, tmp_path, data):
    if engine.dialect.name == "sqlite":
        with engine.begin() as connection:
            for table in (runs, providence_shards):
                connection.execute(table.delete())
    else:
        empty(engine)
    fleet = Fleet(tmp_path / str(uuid.uuid4()), engine)
    fleet.feed(0, data.draw(st.sampled_from([0, 60, 120])))
    for action in data.draw(st.lists(ACTIONS, min_size=5, max_size=30)):
        fleet.act(action, data.draw)
    for number in range(len(fleet.shards)):
        fleet.publish(number, "well", votes_changed=False)
    store, shards = SqlCycleStore(engine), len(fleet.shards)
    votes = store.votes(shards, LONG_AGO)
    assert isinstance(votes, Votes), votes
    assert store.checked_votes(shards, LONG_AGO, list(votes.by_symbol)) == votes.by_symbol


def test_a_table_that_goes_on_showing_what_has_ended_is_met(sqlite_engine, tmp_path, monkeypatch):
    """The offender of this checker."""
    fleet = Fleet(tmp_path, sqlite_engine)
    fleet.feed(0, 150)
    fleet.publish(0, "well", votes_changed=False)
    assert sum(voters for _, voters, _ in sums_of(sqlite_engine, 0)[1].values()) > 1
    fleet.shards[0].loop._take_wishes(dict.fromkeys(fleet.shards[0].engine.runs.slot_of, "a person"))
    monkeypatch.setattr(runs_module, "_end", lambda *_: 0)
    with pytest.raises(AssertionError):
        fleet.publish(0, "well", votes_changed=False)

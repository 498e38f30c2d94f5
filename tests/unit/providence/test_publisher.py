"""The publisher: what changed, the latest state after an outage, every ended run until it is committed, in bounded memory."""

import json
from dataclasses import replace

import pytest
from tests.support.heartbeats import heartbeat_of, sums_told
from tests.support.market_steps import A, B, Prices, session
from tests.support.publisher import publisher_of
from tests.support.shard import NOW, Shard, entries_of

from threet.adapters.sql import SchemaError
from threet.adapters.sql.errors import DatabaseError
from threet_providence.quarantine import Quarantined
from threet_providence.snapshots import load, to_bytes


class Table:
    """The port RunsPublisher in memory; ``away`` makes it fail as a database does. The heartbeat always sums up the rows."""

    def __init__(self):
        self.away, self.rows, self.published, self.beats, self.retired = False, {}, [], [], []

    def publish(self, changed, heartbeat, marked=None, gone=()):
        if self.away:
            raise DatabaseError("gone away")
        shown_before = marked.rows() if marked else []
        assert all(row.id in self.rows for row in shown_before)
        if marked:
            numbers = zip(marked.ids, marked.position_direction, marked.live_pnl, marked.closed_trades, marked.votes, strict=True)
            assert [(r.id, r.position_direction, r.live_pnl, r.closed_trades, r.votes) for r in shown_before] == list(numbers)
        self.published.append([row.id for row in (*changed, *shown_before)])
        ended = {run_id: replace(self.rows[run_id], status="ended", votes=False) for run_id in {*gone} & {*self.rows}}
        self.rows |= ended | {row.id: row for row in (*changed, *shown_before)}
        assert sums_told(heartbeat) == sums_told(heartbeat_of([*self.rows.values()], NOW))
        self.beats.append(heartbeat)

    def retire_absent(self, shard, shards, known_run_ids, now):
        self.retired.append(sorted(known_run_ids))
        return 0


@pytest.fixture
def shard(tmp_path):
    return Shard(tmp_path, (A, B), runs_per_symbol=4)


@pytest.fixture
def entries():
    return entries_of(list(session((A, B), bars=60)))


@pytest.fixture
def table():
    return Table()


class Check:
    """check_schema as it is seen: nothing, or an error."""

    error: Exception | None = None

    def __call__(self):
        if self.error:
            raise self.error


@pytest.fixture
def check():
    return Check()


@pytest.fixture
def reports():
    return []


@pytest.fixture
def most_waiting():
    return 1000


@pytest.fixture
def publisher(shard, table, reports, check, most_waiting):
    return publisher_of(shard, table, (A, B), most_waiting, report=lambda: reports.append("here"), check=check)


def shown_as_ended(table):
    return {run_id for run_id, row in table.rows.items() if row.status == "ended"}


def confirmed(publisher):
    ids = set()
    while not publisher._published.empty():
        ids.add(publisher._published.get())
    return ids


def test_the_first_publication_has_every_run_and_later_ones_what_changed(shard, publisher, table, entries):
    shard.feed(entries[:8])
    publisher.once()
    assert len(table.published[0]) == 8
    publisher.once()
    assert table.published[1] == []
    assert len(table.beats) == 2, "the heartbeat goes on"
    assert table.beats[0].by_symbol[A].active_runs == 4
    assert table.beats[0].by_symbol[A].candle_time is not None


def test_what_was_decided_is_shown_at_once_and_what_only_prices_moved_at_its_interval(shard, publisher, table, entries):
    for entry in entries[:-1]:
        shard.feed([entry])
    publisher.once()
    clock = publisher._clock
    clock.seconds = publisher._rules.publish_seconds / 2
    votes = {run_id: row.votes for run_id, row in table.rows.items()}
    marks = {symbol: float(shard.engine.market.marks[shard.engine.market.index[symbol]]) * 1.0001 for symbol in (A, B)}
    shard.feed(entries_of([Prices(shard.engine.market_ms, marks)]))
    runs = shard.engine.runs
    turned = next(iter(runs.slot_of))
    runs.votes[runs.slot_of[turned]] ^= True
    publisher.once(votes_changed=True)
    assert table.published[-1] == [turned], "one statement, and no result of another run"
    assert table.rows[turned].votes != votes[turned]
    clock.seconds *= 2
    publisher.once(votes_changed=True)
    assert table.published[-2] == []
    moved = {run_id for run_id, slot in runs.slot_of.items() if runs.size[slot] != 0}
    assert turned not in table.published[-1]
    assert set(table.published[-1]) == moved - {turned}
    for run_id, slot in runs.slot_of.items():
        assert table.rows[run_id].live_pnl == runs.live_pnl[slot]


def test_rows_the_database_has_and_the_shard_does_not_know_are_retired_once_before_anything_is_shown(shard, publisher, table, entries):
    shard.feed(entries[:20])
    publisher.once()
    publisher.once()
    assert table.retired == [sorted(table.published[0])]


def test_after_an_outage_the_latest_state_and_every_ended_run_is_shown(shard, publisher, table, entries):
    shard.feed(entries[:8])
    publisher.once()
    table.away = True
    for entry in entries[20:]:
        shard.feed([entry])
        publisher.once()
    assert not confirmed(publisher)
    table.away = False
    publisher.once()
    active = {run_id for run_id, row in table.rows.items() if row.status == "active"}
    assert active == set(shard.engine.runs.slot_of)
    assert shown_as_ended(table) == confirmed(publisher) == {image.spec.id for image in shard.loop._ended_for_files}
    for run_id in active:
        slot = shard.engine.runs.slot_of[run_id]
        assert table.rows[run_id].live_pnl == shard.engine.runs.live_pnl[slot]
    assert len(active) == sum(told.active_runs for told in table.beats[-1].by_symbol.values())


@pytest.mark.parametrize("most_waiting", [3])
def test_more_ended_runs_than_may_wait_are_read_again_from_their_files(shard, publisher, table, entries):
    shard.feed(entries[:20])
    publisher.once()
    for entry in entries[20:]:
        shard.feed([entry])
    all_ended = {image.spec.id for image in shard.loop._ended_for_files}
    assert len(all_ended) > 6
    shard.save()
    for _ in range(len(all_ended) // 3 + 1):
        publisher.once()
        assert len(publisher._ended) <= 3
    assert shown_as_ended(table) == all_ended == confirmed(publisher)


@pytest.mark.parametrize("most_waiting", [1])
def test_an_ended_run_without_room_is_shown_when_its_file_is_written(shard, publisher, table, entries):
    for entry in entries:
        shard.feed([entry])
    all_ended = {image.spec.id for image in shard.loop._ended_for_files}
    publisher.once()
    publisher.once()
    assert len(shown_as_ended(table)) == 1, "no file is there yet"
    shard.save()
    for _ in all_ended:
        publisher.once()
    assert shown_as_ended(table) == all_ended


def test_ended_runs_of_an_earlier_process_that_nobody_saw_are_shown(shard, publisher, table, entries):
    for entry in entries:
        shard.feed([entry])
    ended = {image.spec.id for image in shard.loop._ended_for_files}
    shard.save()
    shard.view()  # the first process took them and died before it could show them
    publisher.begin([])
    publisher.once()
    assert shown_as_ended(table) == ended


def test_a_committed_end_is_archived_when_its_file_is_there(shard, publisher, entries):
    for entry in entries:
        shard.feed([entry])
    publisher.once()
    for run_id in (ids := confirmed(publisher)):
        shard.writer.published.put(run_id)
    shard.writer.archive()
    assert not list(shard.folders.ended.glob("run_*")), "its file is not written yet"
    shard.save()
    archives = {path.name.removeprefix("run_").removesuffix(".json.gz"): path for path in shard.folders.ended.glob("run_*.json.gz")}
    assert set(archives) == ids
    assert not list(shard.folders.ending.glob("run_*"))
    for run_id, path in archives.items():
        image, voms = load(path)
        assert (image.spec.id, image.status, voms.live_pnl.hex()) == (run_id, "ended", image.live_pnl.hex())
        assert len(path.read_bytes()) < len(to_bytes(image)), "compressed"


def test_after_a_start_a_damaged_archive_is_put_aside_with_its_reason_and_the_others_stay(shard, publisher, entries):
    for entry in entries:
        shard.feed([entry])
    publisher.once()
    for run_id in confirmed(publisher):
        shard.writer.published.put(run_id)
    shard.save()
    whole, damaged, *_ = sorted(shard.folders.ended.glob("run_*.json.gz"))
    content = damaged.read_bytes()[:-20]
    damaged.write_bytes(content)
    publisher.begin([])
    publisher.once()
    assert not damaged.exists()
    assert (shard.folders.quarantine / damaged.name).read_bytes() == content
    assert json.loads((shard.folders.quarantine / f"{damaged.name}.reason.json").read_bytes())["reason"]
    assert load(whole)


def test_a_quarantined_run_is_shown_as_such_and_has_no_vote(shard, publisher, table, entries):
    shard.feed(entries[:20])
    publisher.begin([Quarantined("lost", A, "trend", "torn"), Quarantined("nameless", "", "", "torn")])
    publisher.once()
    assert (table.rows["lost"].status, table.rows["lost"].votes, table.rows["lost"].exit_reason) == ("quarantined", False, "torn")
    assert "nameless" not in table.rows


def test_a_run_that_is_quarantined_and_was_made_again_is_shown_as_it_runs(shard, publisher, table, entries):
    """An older segment of the journal may have it where its file and the newest are damaged: the heartbeat counts it."""
    shard.feed(entries[:20])
    again = next(iter(shard.engine.runs.slot_of))
    publisher.begin([Quarantined(again, A, "trend", "torn")])
    publisher.once()
    assert table.rows[again].status == "active"


def test_products_and_the_report_come_at_their_interval(shard, publisher, reports):
    shard.feed([entries_of([Prices(1, {A: 1.0})])[0]])
    publisher.once()
    publisher.once()
    assert publisher._inbox.products == [(A, B)]
    assert publisher.products_known.is_set()
    assert reports == ["here"]


def test_a_database_of_another_release_ends_the_process_and_one_that_is_away_does_not(shard, publisher, check, table, entries):
    shard.feed(entries[:8])
    check.error = SchemaError("does not answer")
    check.error.__cause__ = DatabaseError("refused")
    publisher.once()
    assert not table.beats
    check.error = SchemaError("missing: runs. Cure: init.sql")
    with pytest.raises(SchemaError, match="Cure"):
        publisher.once()
    check.error = None
    publisher.once()
    assert table.beats

"""Who has the right of way: background work asks for a pause, and gets none while a tick or its votes are on their way."""

from queue import Queue
from threading import Event, Thread

from tests.support.market_steps import A, B, session
from tests.support.shard import Shard, entries_of

from threet_providence.calm import Calm
from threet_providence.writer import SnapshotWriter


def test_there_is_no_pause_while_somebody_goes_first_or_was_woken_for_it():
    calm = Calm()
    assert calm.wait_for_pause(0)
    with calm.first():
        assert not calm.wait_for_pause(0)
        with calm.first():
            pass
        assert not calm.wait_for_pause(0), "another one is still on its way"
        calm.expect()
    assert not calm.wait_for_pause(0), "the publisher was woken and does not run yet"
    calm.done()
    assert calm.wait_for_pause(0)


def test_the_next_pause_is_behind_somebody_who_went_first():
    calm, waited = Calm(), []
    with calm.first():
        pass
    assert not calm.wait_for_next_pause(0), "that one is past"
    waiting = Thread(target=lambda: waited.append(calm.wait_for_next_pause(30)))
    waiting.start()
    while waiting.is_alive():
        with calm.first():
            pass
    assert waited == [True]


def test_a_pause_comes_also_where_the_work_that_went_first_failed():
    calm = Calm()
    try:
        with calm.first():
            raise OSError("the disk")
    except OSError:
        pass
    assert calm.wait_for_pause(0)


def test_the_last_round_of_a_process_waits_for_nobody_who_was_woken_and_has_ended(tmp_path):
    shard, calm, stop = Shard(tmp_path, (A, B), runs_per_symbol=2), Calm(), Event()
    for entry in entries_of(list(session((A, B), bars=5))):
        shard.feed([entry])
    work = shard.round()
    calm.expect()
    stop.set()
    SnapshotWriter(shard.folders, 0, 1, Queue(), interval_seconds=1e6, stop=stop, poll_seconds=1e-3, calm=calm).write(work)
    assert len(list(tmp_path.glob("run_*.json"))) == len(work.images) > 0

"""From one number of shards to another every run is kept, exactly once, wherever the start that hands them over is killed."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from tests.support.market_steps import A, B, C, Prices, rules, session
from tests.support.providence import SYMBOLS, ManagerProcess, publish, wait_for
from tests.support.redis import RedisServer
from tests.support.shard import NOW, Shard, entries_of

from threet.application.facts import Votes
from threet.engine.engine import Engine
from threet.engine.population import shard_of
from threet_providence import adoption
from threet_providence.adoption import MARKER, Adoption
from threet_providence.files import Folders
from threet_providence.journal import JournalError, segment_paths


@pytest.fixture(scope="module")
def entries():
    return entries_of(list(session((A, B, C), bars=60)))


def adopt(root, shards):
    folders = Folders(root)
    folders.make()
    return Adoption(folders, shards, lambda shard, of: Engine(rules(shard=shard, shards=of)), lambda: NOW).run()


def started(root, shards):
    adopt(root, shards)
    return [Shard(root, told=rules(shard=shard, shards=shards)) for shard in range(shards)]


def played(root, shards, entries, until):
    """Shards that read, saved and read on, to different places where ``until`` has several, and were killed there."""
    made = started(root, shards)
    for number, shard in enumerate(made):
        end = until[number % len(until)]
        for entry in entries[: end - 20]:
            shard.feed([entry])
        shard.save()
        shard.feed(entries[end - 20 : end])
    return made


def states(shards):
    """All runs; an id that two shards have would be seen."""
    together = [pair for shard in shards for pair in shard.state().items()]
    assert len(dict(together)) == len(together)
    return dict(together)


def known(shards):
    """The facts of every run: active ones by their state, ended ones by their last file."""
    return states(shards), {run_id: facts for shard in shards for run_id, facts in shard.ended().items()}


@pytest.mark.parametrize(("old", "new"), [(2, 4), (4, 2), (1, 3), (3, 2), (2, 3)])
def test_every_run_is_kept_exactly_once_and_as_it_was(entries, tmp_path, old, new):
    before = states(played(tmp_path, old, entries, [150]))
    after = started(tmp_path, new)
    found = states(after)
    assert {run_id: found[run_id] for run_id in before} == before
    for number, shard in enumerate(after):
        assert not shard.found.quarantined
        assert {shard_of(run_id, new) for run_id in shard.state()} == {number}
        assert not shard.next_of(entries[:150])
    assert not list(tmp_path.glob(f"journal-*-of-{old}-*"))
    assert not (tmp_path / MARKER).exists()


def test_from_2_to_4_each_run_goes_on_to_the_bit_as_if_there_were_2_still(entries, tmp_path):
    """Also where the two had read differently far."""
    twin = played(tmp_path / "twin", 2, entries, [130, 170])
    ids = set(states(twin))
    played(tmp_path / "moved", 2, entries, [130, 170])
    moved = started(tmp_path / "moved", 4)
    for shard in (*twin, *moved):
        for entry in entries[130:] if shard in twin[:1] else entries[170:] if shard in twin else shard.next_of(entries):
            shard.feed([entry])
    (active, ended), (active_now, ended_now) = known(twin), known(moved)
    assert ids & set(active)
    assert ids & set(ended)
    for run_id in ids:
        assert active_now.get(run_id) == active.get(run_id)
        assert ended_now.get(run_id) == ended.get(run_id)


def test_from_4_to_2_those_that_had_read_less_go_on_from_the_newest_place(entries, tmp_path):
    before = set(states(played(tmp_path, 4, entries, [130, 150, 170])))
    told = adopt(tmp_path, 2)
    assert any("that had read the most" in note for note in told.notes)
    after = started(tmp_path, 2)
    assert before <= set(states(after))
    # Of the old shards, 0 and 2 become 0, 1 and 3 become 1.
    assert [shard.next_of(entries)[0] for shard in after] == [entries[170], entries[150]]


class Killed(Exception):
    """As a SIGKILL: nothing is done behind it."""


@pytest.mark.parametrize("back", [2, 4])
def test_killed_anywhere_while_it_hands_over_no_run_is_lost_nor_doubled(entries, tmp_path, monkeypatch, back):
    """The next start may be of the new number again, or of the old one."""
    before, point, finished = None, 0, False
    while not finished:
        point += 7 if point > 20 else 1
        root = tmp_path / str(point)
        made = played(root, 2, entries, [150])
        before = states(made)
        ended = {path.name for path in root.glob("run_*.json")} - {f"run_{run_id}.json" for run_id in before}
        done = 0

        def counted(call, limit):
            def act(*arguments, **options):
                nonlocal done
                done += 1
                if done == limit:
                    raise Killed
                return call(*arguments, **options)

            return act

        with monkeypatch.context() as patch:
            for name in ("write_whole", "sync_folder"):
                patch.setattr(adoption, name, counted(getattr(adoption, name), point))
            patch.setattr(os, "replace", counted(os.replace, point))
            try:
                adopt(root, 4)
                finished = True
            except Killed:
                pass
        after = started(root, back)
        found = states(after)
        assert not [shard for shard in after if shard.found.quarantined], point
        assert {run_id: found[run_id] for run_id in before} == before, point
        for shard in after:
            shard.save()
        waiting = {path.name for folder in ("ending", "ended") for path in (root / folder).glob("run_*.json")}
        assert ended <= waiting
        assert not list(root.glob("*.new"))
    assert point > 40


def test_journals_of_two_numbers_at_once_are_refused(entries, tmp_path):
    played(tmp_path, 2, entries, [60])
    two = {path.name: path.read_bytes() for path in segment_paths(tmp_path, 0, 2)}
    adopt(tmp_path, 4)
    for name, content in two.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(JournalError, match="found 2, 4"):
        adopt(tmp_path, 4)


def test_a_damaged_journal_of_an_old_shard_quarantines_as_its_own_manager_would(entries, tmp_path):
    before = states(played(tmp_path, 2, entries, [150]))
    path = segment_paths(tmp_path, 1, 2)[-1]
    path.write_bytes(path.read_bytes()[:-5])
    lost = next(run_id for run_id in sorted(before) if shard_of(run_id, 2) == 0)
    (tmp_path / f"run_{lost}.json").write_bytes(b"{}")
    told = adopt(tmp_path, 4)
    assert [one.run_id for one in told.quarantined] == [lost]
    assert any("cut" in note for note in told.notes)
    kept = set(states(started(tmp_path, 4)))
    assert {run_id for run_id in before if shard_of(run_id, 2) == 0} - kept == {lost}
    assert {run_id for run_id in before if shard_of(run_id, 2) == 1} & kept, "what the torn record began was never shown"


@pytest.fixture
def manager(tmp_path):
    with RedisServer(tmp_path / "redis") as server:
        made = ManagerProcess(tmp_path / "one", server, **{"providence.shards": 2})
        yield made, server
        made.kill()
        made.engine.dispose()


def use_shards(manager, shards):
    config = yaml.safe_load(manager.config.read_text())
    config["providence"]["shards"] = shards
    manager.config.write_text(yaml.safe_dump(config))


def start_all(manager, shards):
    return [manager.start("--shard", f"{shard}/{shards}") for shard in range(shards)]


def stop_all(processes):
    for process in processes:
        process.terminate()
    assert [process.wait(40) for process in processes] == [0] * len(processes)


def votes_of(manager, shards):
    found = manager.store.votes(shards, datetime.now(UTC) - timedelta(seconds=2))
    return found if isinstance(found, Votes) else None


def active(manager):
    return {run_id: row for run_id, row in manager.rows().items() if row["status"] == "active"}


def test_real_managers_from_2_to_4_and_back_keep_every_run_and_its_vote(manager):
    made, server = manager
    client = server.client()
    steps = list(session(SYMBOLS, bars=30))
    newest = max(step.market_ms for step in steps if isinstance(step, Prices))
    begun = 1 + next(number for number, step in enumerate(steps) if isinstance(step, Prices))
    for step in steps[:begun]:
        publish(client, step)
    two = start_all(made, 2)
    wait_for(lambda: (votes := votes_of(made, 2)) and sum(v.active_runs for v in votes.by_symbol.values()) == 96, "96 runs of 2 shards")
    for step in steps[begun:]:
        publish(client, step)
    use_shards(made, 4)
    early = made.start("--shard", "0/4")
    assert early.wait(20) == 2
    assert "shards of another number than 4 cannot run beside it" in made.log()
    wait_for(lambda: made.market_time() and made.market_time() >= datetime.fromtimestamp(newest / 1000, UTC), "all that was published")
    stop_all(two)
    before = active(made)
    assert len(before) == 96
    assert sum(row["votes"] for row in before.values()) > 5
    four = start_all(made, 4)
    total = wait_for(lambda: (votes := votes_of(made, 4)) and dict(votes.by_symbol), "votes of 4 shards")
    after = active(made)
    assert {run_id: row | {"shard": None} for run_id, row in after.items() if run_id in before} == {
        run_id: row | {"shard": None} for run_id, row in before.items()
    }
    assert {run_id: row["shard"] for run_id, row in after.items()} == {run_id: shard_of(run_id, 4) for run_id in after}
    assert sum(vote.voters for vote in total.values()) == sum(row["votes"] for row in before.values()), "no vote is lost or doubled"
    assert made.log().count("96 runs of 2 shards were handed to 4 shards") == 1
    use_shards(made, 2)
    late = made.start("--shard", "1/2")
    assert late.wait(20) == 2
    stop_all(four)
    start_all(made, 2)
    wait_for(lambda: votes_of(made, 2), "votes of 2 shards again")
    last = active(made)
    assert set(after) <= set(last)
    assert {run_id: row["shard"] for run_id, row in last.items()} == {run_id: shard_of(run_id, 2) for run_id in last}
    assert "quarantined:" not in made.log()
    assert not [json.loads(path.read_bytes()) for path in (made.saved_runs / "quarantine").glob("*.json")]

"""What a shard finds at its start: damaged files are named and put aside, never read as "no trades"; what cannot be known is refused."""

import hashlib
import json
import shutil
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.market_steps import A, B, C, Prices, rules, session
from tests.support.properties import examples
from tests.support.shard import NOW, Shard, entries_of, facts_of

from threet.engine.entries import TRADE, EntryLog
from threet.engine.voms import Voms
from threet_providence import loading
from threet_providence.journal import JournalError, segment_paths
from threet_providence.loading import load_all
from threet_providence.lock import ShardLock, ShardTaken
from threet_providence.quarantine import per_symbol
from threet_providence.snapshots import FORMAT_VERSION, SnapshotError, load, to_bytes

SYMBOLS = (A, B)


@pytest.fixture(scope="module")
def entries():
    return entries_of(list(session(SYMBOLS, bars=40)))


@pytest.fixture(scope="module")
def saved(entries, tmp_path_factory):
    """A shard with snapshots of tick 80 and a tail of journal behind them."""
    root = tmp_path_factory.mktemp("saved")
    shard = Shard(root, SYMBOLS, runs_per_symbol=6)
    for entry in entries[:80]:
        shard.feed([entry])
    shard.save()
    for entry in entries[80:]:
        shard.feed([entry])
    return root, shard.state()


@pytest.fixture
def copy(saved, tmp_path):
    shutil.copytree(saved[0], tmp_path / "saved")
    return tmp_path / "saved"


def resumed(root):
    return Shard(root, SYMBOLS, runs_per_symbol=6)


def reasons(root):
    return {n.get("run_id", ""): n["reason"] for n in (json.loads(p.read_bytes()) for p in (root / "quarantine").glob("*.reason.json"))}


def shown(shard):
    view = shard.view()
    assert view is not None
    return view


def without(state, *gone):
    return {run_id: facts for run_id, facts in state.items() if run_id not in gone}


def test_untouched_it_is_as_it_was(saved, copy):
    shard = resumed(copy)
    assert shard.state() == saved[1]
    assert shard.found.ticks_replayed > 0
    assert not reasons(copy)


def change(path, **values):
    """A file whose checksum fits, with other values in it."""
    body = json.loads(path.read_bytes())
    del body["checksum"]
    text = json.dumps(body | values, separators=(",", ":")).encode()[1:]
    path.write_bytes(b'{"checksum":"' + hashlib.sha256(text).hexdigest().encode() + b'",\n' + text)


def columns(kinds, **values):
    return {"kinds": kinds, "times_ms": [0] * len(kinds), "prices": [1.0] * len(kinds), "sizes": [1.0] * len(kinds)} | values


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda path: path.write_bytes(b""), "checksum"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "torn or changed"),
        (lambda path: change(path, live_pnl=0.25), "live_pnl"),
        (lambda path: change(path, voms_state=columns("")), "expected live_pnl"),
        (lambda path: change(path, voms_state=columns("g")), "expected an entry of kind"),
        (lambda path: change(path, voms_state=columns("t", prices=[-1.0])), "a price above 0"),
        (lambda path: change(path, voms_state=columns("tt", prices=[1.0])), "columns of one length"),
        (lambda path: change(path, format_version=2, voms_state={"entries": [["gift", 0, 1.0, 1.0]]}), "KeyError"),
        (lambda path: change(path, run_id="00000000-0000-4000-8000-000000000000"), "expected run"),
        (lambda path: path.unlink(), "found no file"),
    ],
)
def test_a_damaged_file_is_quarantined_with_its_reason_and_the_others_go_on(saved, copy, harm, reason):
    segment_paths(copy, 0, 1)[0].unlink()  # which holds the whole life of every run
    path = next(p for p in sorted(copy.glob("run_*.json")) if json.loads(p.read_bytes())["voms_state"]["kinds"])
    run_id, symbol = path.stem.removeprefix("run_"), json.loads(path.read_bytes())["symbol"]
    harm(path)
    there = path.exists()
    content = path.read_bytes() if there else b""
    shard = resumed(copy)
    assert reason in reasons(copy)[run_id]
    assert per_symbol(copy / "quarantine") == {symbol: 1}
    assert shard.state() == without(saved[1], run_id)
    if there:
        assert (copy / "quarantine" / path.name).read_bytes() == content, "moved, not changed"
    market_ms = shard.engine.market_ms
    shard.feed([entries_of([Prices(market_ms, dict.fromkeys(SYMBOLS, 100.0))])[0]])
    assert sum(spec.symbol == symbol for spec in shard.engine.runs.specs if spec) == 6, "a fresh run takes its place"
    again = resumed(copy)
    assert per_symbol(copy / "quarantine") == {symbol: 1}, "told once, not at each start"
    assert not again.found.quarantined


def test_a_missing_file_is_no_loss_where_the_journal_holds_the_whole_life_of_its_run(saved, copy):
    sorted(copy.glob("run_*.json"))[0].unlink()
    shard = resumed(copy)
    assert shard.state() == saved[1]
    assert not reasons(copy)


def test_a_journal_damaged_behind_the_snapshots_costs_only_the_runs_whose_tail_it_held(saved, copy):
    """The damage lies in a segment that is not the last: what is behind it cannot be applied to runs it concerns."""
    path = segment_paths(copy, 0, 1)[-1]
    shard = resumed(copy)  # begins a newer segment, as a start does; its snapshots are not written
    del shard
    data = bytearray(path.read_bytes())
    data[data.index(b"3TJ1", 4) + 30] ^= 1
    path.write_bytes(data)
    again = resumed(copy)
    assert any(path.name in note for note in again.found.notes)
    told = {run_id: reason for run_id, reason in reasons(copy).items() if run_id}
    lost = set(told)
    assert lost
    assert all("damaged after its snapshot" in reason or "found no file" in reason for reason in told.values())
    assert again.state() == without(saved[1], *lost), "who is left is right to the bit"
    assert list((copy / "quarantine").glob("*.cut-at-*"))


def test_runs_without_a_journal_are_refused(copy):
    for path in segment_paths(copy, 0, 1):
        path.unlink()
    with pytest.raises(JournalError, match=r"expected a journal beside \d+ run files, found none"):
        resumed(copy)


def harm_the_base(path):
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    return bytes(data)


def test_a_damaged_base_costs_nothing_while_the_segment_before_it_is_there(saved, copy):
    path = segment_paths(copy, 0, 1)[-1]
    data = harm_the_base(path)
    shard = resumed(copy)
    assert shard.state() == saved[1]
    assert any(path.name in note for note in shard.found.notes)
    assert (copy / "quarantine" / path.name).read_bytes() == data
    assert not shard.found.quarantined
    assert resumed(copy).state() == saved[1], "and the start behind it has the same"


def test_without_any_base_all_runs_are_put_aside_with_the_reason_and_new_ones_begin(saved, copy):
    kept = {path.name: path.read_bytes() for path in [*copy.glob("run_*.json"), *segment_paths(copy, 0, 1)]}
    for path in segment_paths(copy, 0, 1):
        kept[path.name] = harm_the_base(path)
    shard = resumed(copy)
    assert not shard.state()
    assert {run_id: "which cannot be read" in reason for run_id, reason in reasons(copy).items() if run_id} == dict.fromkeys(
        (name[4:40] for name in kept if name.startswith("run_")), True
    )
    assert {name: (copy / "quarantine" / name).read_bytes() for name in kept} == kept
    assert per_symbol(copy / "quarantine").total() == len([name for name in kept if name.startswith("run_")])


def test_a_file_of_a_newer_format_is_refused_and_nothing_is_touched(copy):
    path = sorted(copy.glob("run_*.json"))[0]
    change(path, format_version=FORMAT_VERSION + 1)
    before = {one: one.read_bytes() for one in copy.rglob("*") if one.is_file()}
    with pytest.raises(JournalError, match=rf"{path.name}: .*was {FORMAT_VERSION + 1}; start the release that wrote the file"):
        resumed(copy)
    assert {one: one.read_bytes() for one in copy.rglob("*") if one.is_file()} == before


def test_a_final_file_of_a_newer_format_is_refused_and_nothing_is_touched(copy):
    """A release that is gone back to must not take what the newer one wrote for damage."""
    path = sorted((copy / "ending").glob("run_*.json"))[0]
    change(path, format_version=FORMAT_VERSION + 1)
    harm_the_base(segment_paths(copy, 0, 1)[-1])
    before = {one: one.read_bytes() for one in copy.rglob("*") if one.is_file()}
    with pytest.raises(JournalError, match=rf"{path.name}: .*start the release that wrote the file"):
        resumed(copy)
    assert {one: one.read_bytes() for one in copy.rglob("*") if one.is_file()} == before


def test_what_could_not_be_read_again_is_not_written(saved):
    image = load(sorted(saved[0].glob("run_*.json"))[0])[0]
    odd = EntryLog()
    odd.add(TRADE, 0, float("inf"), 1.0)
    for wrong in ({"live_pnl": float("nan")}, {"last_price": float("inf")}, {"entries": odd, "entry_count": 1}):
        with pytest.raises(ValueError, match="expected"):
            to_bytes(image._replace(**wrong))


def test_all_files_at_once_are_what_they_are_one_by_one(saved):
    paths = sorted(saved[0].glob("run_*.json"))
    for path, found in zip(paths, load_all(list(map(str, paths))), strict=True):
        assert not isinstance(found, Exception)
        (image, voms), (alone, plain) = found, load(path)
        assert facts_of(image) == facts_of(alone)
        assert [getattr(voms, name) for name in Voms.__slots__] == [getattr(plain, name) for name in Voms.__slots__]


ODD = {
    "an array in an array": lambda body: {"voms_state": body["voms_state"] | {"sizes": [[size] for size in body["voms_state"]["sizes"]]}},
    "an object for a text": lambda _: {"symbol": {}},
    "an object for yes or no": lambda _: {"risen": {}},
    "a text for a number": lambda _: {"leverage": "much"},
    "a number above all": lambda _: {"live_pnl": 10**30},
    "a format that is no whole number": lambda body: {"format_version": float(body["format_version"])},
    "no symbol": lambda _: {"symbol": " "},
    "no UUID": lambda _: {"run_id": "one"},
    "columns of two lengths": lambda body: {"voms_state": body["voms_state"] | {"times_ms": []}},
    "another result": lambda body: {"live_pnl": body["live_pnl"] + 1},
    "a broken time": lambda body: {"voms_state": body["voms_state"] | {"times_ms": [t + 0.5 for t in body["voms_state"]["times_ms"]]}},
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_a_wrong_file_among_all_is_refused_as_it_is_alone_and_costs_no_other(copy, odd):
    paths = sorted(copy.glob("run_*.json"))
    wrong = max(paths[:-1], key=lambda path: path.stat().st_size)  # of many entries, and before another
    change(wrong, **odd(json.loads(wrong.read_bytes())))
    with pytest.raises(SnapshotError) as alone:
        load(wrong)
    found = dict(zip(paths, load_all(list(map(str, paths))), strict=True))
    assert str(found.pop(wrong)) == str(alone.value)
    assert not [path for path, one in found.items() if isinstance(one, Exception)]


WHOLE = {
    "whole numbers for broken ones": {"start_balance": 10_000, "parameters": {"a": 1}},
    "a bracket in a name": {"exit_reason": "see [1]"},
}


@pytest.mark.parametrize("values", WHOLE.values(), ids=WHOLE)
def test_what_is_written_otherwise_is_read_the_same_among_all(copy, values):
    path = sorted(copy.glob("run_*.json"))[0]
    change(path, **values)
    found, (alone, _) = load_all([str(path)])[0], load(path)
    assert not isinstance(found, Exception)
    assert facts_of(found[0]) == facts_of(alone)
    assert repr(found[0].spec) == repr(alone.spec), "a whole number is a float where one belongs"


@pytest.mark.parametrize("harm", [bytearray.clear, lambda content: content.__delitem__(-1), lambda content: content.extend(b"[")])
def test_a_torn_file_makes_no_other_be_read_alone(copy, harm, monkeypatch):
    paths = sorted(copy.glob("run_*.json"))
    content = bytearray(paths[1].read_bytes())
    harm(content)
    paths[1].write_bytes(content)
    alone, read_image = [], loading.read_image

    def seen(path):
        alone.append(path)
        return read_image(path)

    monkeypatch.setattr(loading, "read_image", seen)
    load_all(list(map(str, paths)))
    assert alone == [str(paths[1])]


def test_a_damaged_last_file_is_put_aside_and_the_end_is_written_again(entries, tmp_path):
    """The kill came between the final file and the removal of the run's own."""
    shard = Shard(tmp_path, SYMBOLS, runs_per_symbol=6)
    for entry in entries[:80]:
        shard.feed([entry])
    shard.save()
    before = {path.name: path.read_bytes() for path in tmp_path.glob("run_*.json")}
    for entry in entries[80:]:
        shard.feed([entry])
    shard.save()
    ended = next(path for path in sorted((tmp_path / "ending").glob("run_*.json")) if path.name in before)
    (tmp_path / ended.name).write_bytes(before[ended.name])
    right, facts, state = ended.read_bytes(), facts_of(load(ended)[0]), shard.state()
    ended.write_bytes(right[:-1])
    again = resumed(tmp_path)
    assert (tmp_path / "quarantine" / ended.name).read_bytes() == right[:-1]
    assert again.state() == state
    again.save()
    assert facts_of(load(ended)[0]) == facts


def test_a_journal_of_another_number_of_shards_is_refused(copy):
    path = segment_paths(copy, 0, 1)[-1]
    path.rename(copy / path.name.replace("-0-of-1-", "-0-of-2-"))
    with pytest.raises(JournalError, match=r"expected journals of 1 shards"):
        resumed(copy)


def test_candles_of_another_interval_are_no_warm_up(saved, copy, monkeypatch):
    monkeypatch.setattr("tests.support.shard.rules", lambda runs: _five_minutes(runs))
    shard = resumed(copy)
    assert shard.state() == saved[1], "the runs are the same"
    assert not shard.engine.market.is_warm(A)


def _five_minutes(runs):
    return replace(rules(runs), interval_ms=300_000)


@settings(max_examples=examples(1.5), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_byte_of_a_snapshot_can_change_unseen(saved, tmp_path, data):
    path = data.draw(st.sampled_from(sorted(saved[0].glob("run_*.json"))))
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    (tmp_path / "one.json").write_bytes(content)
    with pytest.raises(SnapshotError):
        load(tmp_path / "one.json")


def test_a_snapshot_written_again_has_the_same_bytes(saved):
    for path in saved[0].glob("run_*.json"):
        assert to_bytes(load(path)[0]) == path.read_bytes()


def test_a_lock_is_refused_while_held_also_to_another_number_of_shards(tmp_path):
    first = ShardLock(tmp_path, 0, 2)
    first.take(NOW)
    ShardLock(tmp_path, 1, 2).take(NOW)
    with pytest.raises(ShardTaken, match="only one manager"):
        ShardLock(tmp_path, 0, 2).take(NOW)
    with pytest.raises(ShardTaken, match="shards of another number than 4"):
        ShardLock(tmp_path, 3, 4).take(NOW)
    first.release()
    ShardLock(tmp_path, 0, 2).take(NOW)


def test_a_symbol_is_warm_when_full_fresh_and_ripe(tmp_path):
    shard = Shard(tmp_path, (A, B, C))
    entries = entries_of(list(session((A, B), bars=12)))
    times = {False: 0, True: 0}  # the market's clock when A was last cold, and when it was first warm
    for entry in entries:
        shard.feed([entry])
        view = shown(shard)
        if not times[True]:
            times[view.by_symbol[A].warm] = shard.engine.market_ms
        assert not view.by_symbol[C].warm, "it has no candles"
    age = shard.engine.rules.votes.min_age_ms
    started = min(spec.started_ms for spec in shard.engine.runs.specs if spec and spec.symbol == A)
    assert times[False] <= started + age < times[True]
    late = Prices(shard.engine.market_ms + 3_600_000, {A: 50.0})
    shard.feed([entries_of([late])[0]])
    assert shown(shard).by_symbol[A].warm, "a due candle may be missing for a while, and runs that all ended at once are no newborns"
    shard.seconds = 11.0
    assert not shown(shard).by_symbol[A].warm


def test_half_read_streams_are_not_shown(tmp_path):
    shard = Shard(tmp_path)
    entries = entries_of(list(session((A, B, C), bars=2)))
    shard.feed(entries[:4], caught_up=False)
    assert shard.view() is None
    shard.feed(entries[4:], caught_up=True)
    assert shard.view() is not None

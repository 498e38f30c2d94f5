"""A fuzzer over every kind of file under saved_runs: what it harmed is put aside with the reason, the others go on, nothing is deleted."""

import hashlib
import json
import re
import shutil
import struct
import zlib
from collections import Counter

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.support.market_steps import A, B, session
from tests.support.properties import examples
from tests.support.shard import NOW, Shard, entries_of

from threet_providence.files import compressed, read_plain
from threet_providence.journal import segment_paths
from threet_providence.lock import ShardLock, ShardTaken
from threet_providence.quarantine import Quarantined, per_symbol, put_aside
from threet_providence.snapshots import SnapshotError, load
from threet_providence.tails import Tails

pytestmark = pytest.mark.timeout(600)  # make test-faults looks at 500 examples of each

SYMBOLS = (A, B)
ENTRIES = entries_of(list(session(SYMBOLS, bars=40)))
AS_A_RULE = settings(max_examples=examples(0.5), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Runs, their tails, final files, archives, two segments of the journal and its tail, a lock and a note of the quarantine."""
    root = tmp_path_factory.mktemp("saved")
    shard = Shard(root, SYMBOLS, runs_per_symbol=6)
    shard.writer._tails = Tails(shard.folders, long_bytes=1)
    for part in (ENTRIES[:50], ENTRIES[50:74], ENTRIES[74:77], ENTRIES[77:80]):
        for entry in part:
            shard.feed([entry])
        for path in sorted((root / "ending").glob("run_*.json"))[::2]:
            shard.writer.published.put(path.stem.removeprefix("run_"))
        shard.save()
    for entry in ENTRIES[80:]:
        shard.feed([entry])
    ShardLock(root, 0, 1).take(NOW)
    put_aside(root / "quarantine", Quarantined("one", A, "trend", "torn"), None, NOW)
    kinds = Counter(kind_of(path.relative_to(root).as_posix()) for path in root.rglob("*") if path.is_file())
    assert set(kinds) == {"run", "tail", "end", "archive", "journal", "lock", "note"}
    return root, shard.state()


def kind_of(name):
    patterns = {"tail": r"run_.*tail"} | {
        "run": r"run_",
        "end": r"ending/",
        "archive": r"ended/.*gz",
        "journal": r"journal-",
        "lock": r"shard-",
        "note": r"quarantine/",
    }
    return next(kind for kind, pattern in patterns.items() if re.match(pattern, name))


def names(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def flipped(data, draw):
    harmed = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        harmed[draw(st.integers(0, len(harmed) - 1))] ^= draw(st.integers(1, 255))
    return bytes(harmed)


def cut(data, draw):
    return data[: draw(st.integers(0, len(data) - 1))]


def longer(data, draw):
    return data + draw(st.binary(min_size=1, max_size=40))


def garbage(_data, draw):
    return draw(st.binary(max_size=200) | st.just(b"") | st.just(b"\xff\xfe{}") | st.just(b"[" * 100_000) | st.just(b'{"a":1,"a":2}'))


HARMS = (flipped, cut, longer, garbage)


def contents(root):
    return Counter(path.read_bytes() for path in root.rglob("*") if path.is_file())


def resumed(root):
    return Shard(root, SYMBOLS, runs_per_symbol=6)


def reason_of(root, name):
    path = root / "quarantine" / f"{name}.reason.json"
    return json.loads(path.read_bytes())["reason"] if path.exists() else None


def assert_others_go_on(root, state, harmed, first):
    """Whatever was harmed: a start succeeds, reads on from where its journal ends, who goes on is right to the bit; returns the shard."""
    shard = resumed(root)
    aside = {found.run_id for found in shard.found.quarantined}
    if "journal" not in map(kind_of, harmed):
        assert aside <= {name.split("run_")[-1][:36] for name in harmed}, "nobody else"
    shard.feed(shard.next_of(ENTRIES))
    ours = shard.state()
    assert not [run_id for run_id in {*ours} & {*state} if ours[run_id] != state[run_id]]
    if first and not aside:  # else fresh ones have taken their places, or an older segment has made a run again that was put aside
        assert set(ours) == set(state)
    return shard


def harm_one(root, data):
    """The name of a file that has another content now."""
    kind = data.draw(st.sampled_from(["run", "run", "tail", "tail", "journal", "journal", "end", "archive", "lock", "note"]))
    path = root / data.draw(st.sampled_from([one for one in names(root) if kind_of(one) == kind] or names(root)))
    other = root / data.draw(st.sampled_from(names(root)))
    harm = data.draw(st.sampled_from([*HARMS, None]))
    before = path.read_bytes() or b"\0"
    path.write_bytes(other.read_bytes() if harm is None else harm(before, data.draw))  # None: another file's content in its place
    return path.relative_to(root).as_posix()


@AS_A_RULE
@given(st.data())
def test_whatever_happens_to_files_the_others_go_on_and_nothing_is_deleted(saved, tmp_path, data):
    """Several at once, and again after the start that put them aside; in between rounds of snapshots, which leave the quarantine alone."""
    root, state = tmp_path / "copy", saved[1]
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(saved[0], root)
    for number in range(data.draw(st.sampled_from([1, 1, 2]))):
        sound, counted = contents(root), per_symbol(root / "quarantine").total()
        harmed = [harm_one(root, data) for _ in range(data.draw(st.sampled_from([1, 1, 2])))]
        before = {one: (root / one).read_bytes() for one in names(root)}
        shard = assert_others_go_on(root, state, harmed, first=number == 0)
        for name in harmed:
            if kind_of(name) == "run" and before[name] not in sound:
                assert reason_of(root, name)
        assert per_symbol(root / "quarantine").total() >= counted, "who was quarantined still counts"
        for one, content in before.items():
            assert_kept(root, one, content)
        if data.draw(st.booleans()):
            aside = contents(root / "quarantine")
            shard.save()
            assert contents(root / "quarantine") >= aside
        state = shard.state()


def assert_kept(root, name, content):
    """Where it was or in the quarantine; what follows a journal's damage may be in a file of its own; a lock is its holder's."""
    aside = [path for path in (root / "quarantine").glob(f"{name.split('/')[-1]}*") if not path.name.endswith(".reason.json")]
    parts = [place.read_bytes() for place in [root / name, *aside] if place.exists()]
    assert content in parts or content in [first + rest for first in parts for rest in parts], name


SOUND = ("run_id", "number", "strategy", "symbol", "parameters", "start_balance", "leverage", "fee_rate", "started_ms", "ends_ms", "status")
COLUMNS = ("kinds", "times_ms", "prices", "sizes")
WRONG = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.text(max_size=5),
    st.just("1e999"),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


def signed(body):
    text = json.dumps(body, separators=(",", ":")).encode()[1:].replace(b'"1e999"', b"1e999")
    return b'{"checksum":"' + hashlib.sha256(text).hexdigest().encode() + b'",\n' + text


@AS_A_RULE
@example(key="ended_ms", value=10**20, whole=False)
@example(key="prices", value=["1e999"], whole=False)
@given(
    key=st.sampled_from(
        [
            *SOUND,
            "live_pnl",
            "last_price",
            "ended_ms",
            "exit_reason",
            "strategy_state",
            "voms_state",
            *COLUMNS,
            "votes",
        ]
    ),
    value=WRONG,
    whole=st.booleans(),
)
def test_wrong_values_under_a_right_checksum_are_refused_or_harmless(saved, tmp_path, key, value, whole):
    """Types, huge numbers, infinities: a file either loads as a run like others or says why not; a start goes on in any case."""
    root = tmp_path / "copy"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(saved[0], root)
    path = sorted(root.glob("run_*.json"))[0]
    body = json.loads(path.read_bytes())
    del body["checksum"]
    if key in body["voms_state"]:
        body["voms_state"][key] = [value, *body["voms_state"][key][1:]] if whole and key != "kinds" else value
    else:
        body[key] = {"kinds": [value]} if whole and key == "voms_state" else value
    path.write_bytes(signed(body))
    try:
        load(path)
        sound = True
    except SnapshotError:
        sound = False
    shard = resumed(root)
    others = {run_id: facts for run_id, facts in shard.state().items() if run_id not in path.name}
    assert others == {run_id: facts for run_id, facts in saved[1].items() if run_id not in path.name}
    assert sound or reason_of(root, path.name)
    shard.feed(entries_of(list(session(SYMBOLS, bars=44)))[-4:])
    shard.save()


@AS_A_RULE
@given(st.data())
def test_wrong_values_under_a_journals_right_checksum_stop_no_start(saved, tmp_path, data):
    """The last record, its JSON changed and framed again: it is no record, and is cut and kept."""
    root = tmp_path / "copy"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(saved[0], root)
    path = segment_paths(root, 0, 1)[-1]
    content = path.read_bytes()
    at = content.rindex(b"3TJ1")
    head, _, blocks = content[at + 12 :].partition(b"\n")
    body = json.loads(head)
    body[data.draw(st.sampled_from(["tick", "steps", "format", "type"]))] = data.draw(
        WRONG.filter(lambda v: not (isinstance(v, int) and v > 2))
    )
    payload = json.dumps(body, separators=(",", ":")).encode() + b"\n" + blocks
    path.write_bytes(content[:at] + struct.pack("<4sII", b"3TJ1", len(payload), zlib.crc32(payload)) + payload)
    resumed(root)


@AS_A_RULE
@given(st.data())
def test_no_byte_of_an_archive_can_change_unseen(saved, tmp_path, data):
    archive = data.draw(st.sampled_from(sorted((saved[0] / "ended").glob("*.gz"))))
    plain = read_plain(archive)
    assert compressed(plain) == archive.read_bytes()
    harm = data.draw(st.sampled_from(HARMS))
    path = tmp_path / archive.name
    path.write_bytes(harm(archive.read_bytes(), data.draw))
    try:
        content = read_plain(path)
    except OSError:
        content = b""
    if content != plain:  # the header's time and name are no content
        with pytest.raises(SnapshotError):
            load(path)


@AS_A_RULE
@given(st.binary(max_size=100))
def test_a_lock_with_any_content_can_be_taken_and_is_refused_while_held(tmp_path, content):
    (tmp_path / "shard-0-of-1.lock").write_bytes(content)
    first = ShardLock(tmp_path, 0, 1)
    first.take(NOW)
    (tmp_path / "shard-0-of-1.lock").write_bytes(content)
    with pytest.raises(ShardTaken, match="only one manager"):
        ShardLock(tmp_path, 0, 1).take(NOW)
    first.release()

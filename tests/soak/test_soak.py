"""The whole platform for minutes on accelerated candles, recorded ones where they lie beside the project, with faults all the time.

Three minutes here; ``make proof`` says how many in THREET_SOAK_SECONDS, and where its report goes in THREET_PROOF_REPORT. CANDLES
names another folder of recorded candles. It wants the machine not for itself, unlike tests/e2e: what it measures does not depend on speed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.platform import PROJECT, Platform
from tests.support.settings import raw_config
from tests.support.slopes import growing
from tests.support.soak import FAULTS, Soak

SECONDS = float(os.environ.get("THREET_SOAK_SECONDS", "180"))
RECORDED = Path(os.environ.get("CANDLES", PROJECT.parent / "shared" / "data" / "candles"))
SAMPLE_SECONDS = max(3.0, SECONDS / 300)
SMALL = {
    "redis": {"prices_stream_entries": 200, "candles_stream_entries": 400, "balance_stream_entries": 50},
    "retention": {"log_files_mb": 1},
    "workers": {"flower_entries": 300},
}
"""Bounds that are reached within the time: what is kept for days cannot be."""

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS + 400)]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    root = tmp_path_factory.mktemp("soak")
    config = root / "project" / "config.yml"
    config.parent.mkdir()
    for part in ("providence", "celery-workers"):  # the demo starts what lies beside its config.yml
        (config.parent / part).symlink_to(PROJECT / part)
    values = raw_config()
    for section, keys in SMALL.items():
        values[section].update(keys)
    config.write_text(yaml.safe_dump(values))
    flags = ["--config", str(config), "--speed", "60", *(["--candles", str(RECORDED)] if RECORDED.is_dir() else [])]
    with Platform(root / "state", flags) as running:
        yield running


def test_with_faults_at_a_rate_nothing_stays_unresolved_and_nothing_grows(platform: Platform) -> None:
    set_faults = [platform.simulator_post("/sim/faults", {"action": "set", "seed": number, **one}) for number, one in enumerate(FAULTS)]
    assert len(set_faults) == len(FAULTS)
    before = len(platform.store.orders(100_000))
    soak = Soak(platform)
    while soak.seconds < SECONDS:
        next_at = soak.seconds + SAMPLE_SECONDS
        soak.sample()
        time.sleep(max(0.0, next_at - soak.seconds))
    hits = {f"{one['kind']} {one['match']}": one["hits"] for one in platform.simulator_get("/sim/faults")["faults"]}
    platform.simulator_post("/sim/faults", {"action": "clear"})
    cleared = time.monotonic()
    platform.wait(platform.is_well, 120, "everything to be settled and agreed once the faults have ended")
    told = facts(platform, soak, before, hits, time.monotonic() - cleared)
    write_report(soak, told)
    assert all(hits.values()), hits
    assert told["orders sent"] > 0
    assert told["orders sent twice"] == 0
    assert told["orders without a known end"] == 0
    assert growing(soak.slopes()) == []


def facts(platform: Platform, soak: Soak, before: int, hits: dict[str, int], seconds: float) -> dict[str, Any]:
    actions = platform.ledger()["actions"]
    sent = [order["c"] for action in actions if action["type"] == "order" for order in action["action"]["orders"]]
    decisions = platform.store.decisions(100_000)
    return {
        "market": "recorded candles" if RECORDED.is_dir() else "the seeded market",
        "seconds": round(soak.seconds),
        "samples": len(soak.levels["redis keys"]),
        "cycles": len(decisions),
        **{f"cycles {status}": sum(one.status == status for one in decisions) for status in sorted({one.status for one in decisions})},
        "orders sent": len(platform.store.orders(100_000)) - before,
        "orders sent twice": len(sent) - len(set(sent)),
        "orders without a known end": len(platform.store.unsettled_orders()),
        "seconds from the faults' end to all well": round(seconds, 1),
        **{f"fault {name}": count for name, count in hits.items()},
    }


def write_report(soak: Soak, told: dict[str, Any]) -> None:
    text = soak.report(told)
    print(text)
    if "THREET_PROOF_REPORT" in os.environ:
        Path(os.environ["THREET_PROOF_REPORT"]).write_text(text)

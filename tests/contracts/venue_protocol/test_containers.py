"""How the containers start it: account and agent out of the secrets, and standing by where a real venue is traded."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tests.support import children
from tests.support.settings import ROOT, write_config
from tests.support.simulator import SimulatorProcess

from threet.settings import load_secrets, load_settings

SECRETS = ROOT / "secrets.example.yml"


def test_the_account_of_the_secrets_is_made_and_funded(tmp_path: Path) -> None:
    config = write_config(tmp_path, {})
    settings = load_settings(config)
    flags = ["--config", str(config), "--secrets", str(SECRETS)]
    with SimulatorProcess(tmp_path / "state", flags) as simulator:
        wallet = load_secrets(SECRETS, settings).require("exchange.walletAddress")
        body = json.dumps({"type": "clearinghouseState", "user": wallet}).encode()
        request = urllib.request.Request(f"{simulator.url}/info", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert float(json.load(answer)["marginSummary"]["accountValue"]) == float(settings.simulator.deposit_usd)


def test_it_stands_by_where_a_real_venue_is_traded(tmp_path: Path) -> None:
    keys = {f"observers.nodes.{number}.public_key": f"{number}" * 64 for number in range(3)}
    config = write_config(tmp_path, {"exchange.mode": "testnet", "exchange.base_url": None, **keys})
    command = [sys.executable, "-m", "threet.simulator", "--config", str(config), "--state", str(tmp_path / "state"), "--port", "0"]
    process = children.start(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        with urllib.request.urlopen(f"{url}/sim/health", timeout=5) as answer:
            assert json.load(answer) == {"status": "standing by", "mode": "testnet"}
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(urllib.request.Request(f"{url}/info", b"{}"), timeout=5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert not (tmp_path / "state").exists()
    finally:
        process.kill()
        process.wait()

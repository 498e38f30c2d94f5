"""What a person sees after `make install`: all well, an order filled, and only three doors open, on 127.0.0.1."""

from __future__ import annotations

import json
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.compose.conftest import Figures
from tests.support.stack import OURS, STOCK, Stack, wait_for


def test_everything_that_was_not_left_out_is_well(stack: Stack) -> None:
    assert [service for service in (*OURS, *STOCK) if not stack.is_well(service)] == []
    assert stack.inspect("preflight")["State"]["ExitCode"] == 0


def test_an_order_is_filled_in_the_venues_own_books(stack: Stack) -> None:
    assert stack.fills() > 0
    stack.wait_until_trading()
    stack.prove_books_agree()


def test_status_says_that_nothing_is_wrong(stack: Stack) -> None:
    def named() -> bool:
        found = stack.status()
        serious = [problem for problem in found["problems"] if "hold" not in problem["what"]]
        assert serious == []
        return found["halted"]["value"] is False

    wait_for("no problem but symbols that hold", named)


def test_only_three_ports_are_published_and_on_this_machine_alone(stack: Stack) -> None:
    published = {}
    for one in json.loads(stack.run("docker", "inspect", *stack.containers())):
        for port, places in (one["NetworkSettings"]["Ports"] or {}).items():
            for place in places or []:
                published[one["Config"]["Labels"]["com.docker.compose.service"], port] = (place["HostIp"], int(place["HostPort"]))
    assert published == {
        ("flower", "5555/tcp"): ("127.0.0.1", stack.ports["FLOWER_PORT"]),
        ("prometheus", "9090/tcp"): ("127.0.0.1", stack.ports["PROMETHEUS_PORT"]),
    }


def test_the_machine_listens_there_on_the_loopback_address_alone(stack: Stack) -> None:
    ports = {stack.ports[key] for key in ("FLOWER_PORT", "PROMETHEUS_PORT")}
    assert {(address, port) for address, port in _listening() if port in ports} == {("127.0.0.1", port) for port in ports}


def _listening() -> Iterator[tuple[str, int]]:
    """Address and port of each socket of this machine that waits for connections, as the kernel has them."""
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path("/proc/net", name).read_text().splitlines()[1:]:
            local, state = (line.split()[column] for column in (1, 3))
            if state == "0A":
                address, port = local.split(":")
                words = b"".join(bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8))
                yield socket.inet_ntop(family, words), int(port, 16)


def test_flower_asks_for_the_password_and_prometheus_sees_the_workers(stack: Stack) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"http://127.0.0.1:{stack.ports['FLOWER_PORT']}/workers", timeout=10)

    def workers() -> list[str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{stack.ports['PROMETHEUS_PORT']}/api/v1/targets", timeout=10) as answer:
            targets = json.load(answer)["data"]["activeTargets"]
        return sorted(t["labels"]["instance"] for t in targets if t["labels"]["job"] == "workers" and t["health"] == "up")

    wait_for("both are measured", lambda: workers() == ["celery_worker:9101", "celery_worker_reconcile:9101"])


_CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)"


def _can_connect(stack: Stack, network: str, host: str, port: int) -> bool:
    image = f"{stack.name}/observer"
    command = [
        "docker",
        "run",
        "--rm",
        "--network",
        f"{stack.name}_{network}",
        "--entrypoint",
        "python",
        image,
        "-c",
        _CONNECT,
        host,
        str(port),
    ]
    return subprocess.run(command, capture_output=True, timeout=60).returncode == 0


@pytest.mark.parametrize(("service", "port"), [("mariadb", 3306), ("redis", 6379)])
def test_the_stores_are_out_of_reach_of_the_other_networks(stack: Stack, service: str, port: int) -> None:
    """By name and by address; from their own network the same connect works, so that this test can fail."""
    address = stack.inspect(service)["NetworkSettings"]["Networks"][f"{stack.name}_data"]["IPAddress"]
    assert _can_connect(stack, "data", service, port)
    for network in ("exchange", "front"):
        assert not _can_connect(stack, network, service, port)
        assert not _can_connect(stack, network, address, port)


def test_no_container_of_ours_is_root_or_may_write_its_image(stack: Stack) -> None:
    for service in OURS:
        found = stack.inspect(service)
        assert stack.in_container(service, "id", "-u").strip() == "10001"
        assert found["HostConfig"]["ReadonlyRootfs"]
        assert found["HostConfig"]["CapDrop"] == ["ALL"]
        status = stack.in_container(service, "cat", "/proc/1/status")
        assert "CapEff:\t0000000000000000" in status
        assert "NoNewPrivs:\t1" in status


def test_the_platforms_own_services_are_small(stack: Stack, figures: Figures) -> None:
    names = [stack.inspect(service)["Name"].lstrip("/") for service in OURS]
    output = stack.run("docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", *names)
    used = sum(_mib(line.split("/")[0].strip()) for line in output.splitlines())
    figures.add("own_services_memory_mb", used, "MB", 1000)
    figures.add("own_services_pss_mb", sum(_pss_mib(pid) for service in OURS for pid in stack.processes(service)), "MB", 1000)
    assert used > 0


def _pss_mib(pid: int) -> float:
    """What a process has in memory, where shared pages count in shares."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except FileNotFoundError:  # a health check's process, which has ended meanwhile
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


def _mib(text: str) -> float:
    units = {"KiB": 1 / 1024, "MiB": 1.0, "GiB": 1024.0}
    return next(float(text.removesuffix(unit)) * factor for unit, factor in units.items() if text.endswith(unit))

"""Importing a module of ours does nothing: no file is read or written, no connection made, no process or thread started."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

from tests.architecture.tree import ROOT

PROBE = Path(__file__).parent / "import_probe.py"
PACKAGE_FOLDERS = ("src", "celery-workers", "providence")


def probe(root: Path, modules: list[str], scripts: list[Path], libraries: list[str]) -> str:
    """Imports everything in a fresh interpreter; returns one line per thing that was done at import."""
    path = os.pathsep.join(str(root / folder) for folder in PACKAGE_FOLDERS)
    arguments = ["--libraries", *libraries, "--modules", *modules, "--scripts", *map(str, scripts)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("THREET_")}
    result = subprocess.run(
        [sys.executable, "-B", "-W", "ignore", str(PROBE), *arguments],
        cwd=root,
        env={**environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def modules_of(root: Path) -> tuple[list[str], list[Path]]:
    """Names of the importable modules, and the files that cannot be imported by name."""
    names, scripts = [], []
    for folder in PACKAGE_FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            relative = path.relative_to(root / folder)
            parts = relative.with_suffix("").parts
            if all(part.isidentifier() for part in parts) and len(parts) > 1:
                names.append(".".join(parts).removesuffix(".__init__"))
            else:
                scripts.append(path)
    return names, scripts


def libraries_of(root: Path) -> list[str]:
    """Everything that our modules import and that is not ours: loaded before the watch begins, so that only our own deeds are seen."""
    found: set[str] = set()
    for folder in PACKAGE_FOLDERS:
        for path in (root / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return sorted(name for name in found if not name.startswith("threet"))


def test_importing_every_module_does_nothing() -> None:
    names, scripts = modules_of(ROOT)
    assert "threet.application.ports" in names
    assert "threet_workers" in names
    assert probe(ROOT, names, scripts, libraries_of(ROOT)) == ""


PLANTS = {
    "reads": "TEXT = open(__file__.replace('reads.py', 'notes.txt')).read()",
    "writes": "open(__file__.replace('.py', '.out'), 'w').close()",
    "listens": "import socket\nsocket.socket().bind(('127.0.0.1', 0))",
    "connects": "import socket\nsocket.socket().connect_ex(('127.0.0.1', 9))",
    "looks_up": "import socket\nsocket.gethostbyname('localhost')",
    "starts": "import subprocess\nsubprocess.run(['true'])",
    "threads": "import threading\nthreading.Thread(target=lambda: None).start()",
    "stores": "import sqlite3\nsqlite3.connect(':memory:')",
    "makes_folders": "import os\nos.makedirs(__file__.replace('.py', '-folder'))",
}


def test_a_planted_deed_at_import_is_seen(tmp_path: Path) -> None:
    package = tmp_path / "src" / "planted"
    package.mkdir(parents=True)
    for name, text in {"__init__": "", "harmless": "import json\nX = 1", **PLANTS}.items():
        (package / f"{name}.py").write_text(f"{text}\n")
    (package / "notes.txt").write_text("a file beside the code")
    output = probe(tmp_path, ["planted.harmless", *(f"planted.{name}" for name in PLANTS)], [], ["socket", "subprocess", "sqlite3", "json"])
    assert "harmless" not in output
    missed = [name for name in PLANTS if f"planted.{name}:" not in output]
    assert not missed, output


def test_no_folder_of_the_root_shadows_an_installed_package() -> None:
    """From the root, as `python -m ...` and the tests run, every library is found where it is installed, not in a folder of ours."""
    folders = sorted(path.name for path in ROOT.iterdir() if path.is_dir() and path.name.isidentifier())
    assert "providence" in folders
    assert found_in_root(ROOT, sorted({name.split(".")[0] for name in libraries_of(ROOT)})) == []


def test_a_folder_that_shadows_a_package_is_seen(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "__init__.py").write_text("")
    (tmp_path / "opentelemetry").mkdir()  # a package without __init__.py grows by a folder of the same name
    assert found_in_root(tmp_path, ["json", "opentelemetry", "redis", "yaml"]) == ["opentelemetry", "redis"]


def found_in_root(root: Path, names: list[str]) -> list[str]:
    """The ``names`` that an interpreter started in ``root`` would import from there."""
    script = (
        "import importlib.util, sys\n"
        "root, names = sys.argv[1], sys.argv[2:]\n"
        "sys.path.insert(0, root)\n"
        "for name in names:\n"
        "    spec = importlib.util.find_spec(name)\n"
        "    places = [] if spec is None else [spec.origin or '', *(spec.submodule_search_locations or [])]\n"
        "    if any(place.startswith(root + '/') and '/.venv/' not in place for place in places):\n"
        "        print(name)\n"
    )
    result = subprocess.run([sys.executable, "-c", script, str(root), *names], cwd=root, capture_output=True, text=True, check=True)
    return result.stdout.split()

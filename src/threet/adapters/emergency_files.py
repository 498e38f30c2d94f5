"""The files in which an emergency writes down what it does: one line of JSON for each intent and answer, on the disk before it goes on."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from threet.adapters.files import fsync_folder
from threet.application.emergency_import import EmergencyOrder
from threet.application.facts import OrderAnswer
from threet.application.store import OrderRecord
from threet.domain.values import OrderState

FOLDER, DONE = "emergency", "imported"
_ORDER: TypeAdapter[OrderRecord] = TypeAdapter(OrderRecord)
_ANSWER: TypeAdapter[OrderAnswer] = TypeAdapter(OrderAnswer)


class EmergencyFile:
    """Fulfils the port ``EmergencyJournal``. ``start`` is its first line: who, why, which account."""

    def __init__(self, state_folder: Path, name: str, start: Mapping[str, str]) -> None:
        folder = state_folder / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{name}.jsonl"
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._write({"start": dict(start)})
        fsync_folder(folder)
        fsync_folder(state_folder)

    def intent(self, order: OrderRecord) -> None:
        self._write({"intent": _ORDER.dump_python(order, mode="json")})

    def answer(self, client_order_id: str, state: OrderState, answer: OrderAnswer | None, text: str) -> None:
        told = None if answer is None else _ANSWER.dump_python(answer, mode="json")
        self._write({"of": client_order_id, "state": state.value, "answer": told, "text": text})

    def close(self) -> None:
        os.close(self._descriptor)

    def _write(self, record: Mapping[str, Any]) -> None:
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        if os.write(self._descriptor, line) != len(line):
            raise OSError(f"{self.path}: only a part of a line could be written; is the disk full?")
        os.fsync(self._descriptor)


class EmergencyFiles:
    """Fulfils the port ``EmergencyRecords``. ``lock`` is the file that a running emergency has locked."""

    def __init__(self, state_folder: Path, lock: Path) -> None:
        self._folder = state_folder / FOLDER
        self._lock = lock
        self._whole: Sequence[Path] = ()

    def waiting(self) -> list[EmergencyOrder]:
        running = _is_locked(self._lock)  # looked at before the files: what they hold now is then all that they will hold
        names = sorted(os.listdir(self._folder)) if self._folder.exists() else []
        files = [self._folder / name for name in names if name.endswith(".jsonl")]
        found = [order for file in files for order in read_file(file)]
        self._whole = () if running else files
        return found

    def done(self) -> None:
        for file in self._whole:
            target = self._folder / DONE
            target.mkdir(exist_ok=True)
            file.replace(target / file.name)
        self._whole = ()


def read_file(path: Path) -> list[EmergencyOrder]:
    """Its orders, each with the last that was written of it. A last line without its end was never acted on.

    Raises ValueError that names the line.
    """
    orders: dict[str, EmergencyOrder] = {}
    for number, line in enumerate(path.read_text("utf-8").split("\n")[:-1], start=1):
        try:
            _apply(json.loads(line), orders)
        except (ValueError, KeyError, TypeError, ValidationError) as error:
            told = str(error).splitlines()[0]
            raise ValueError(f"{path}, line {number}: expected a line that an emergency wrote, found {line[:80]!r} ({told})") from error
    return list(orders.values())


def _apply(record: Mapping[str, Any], orders: dict[str, EmergencyOrder]) -> None:
    if "intent" in record:
        order = _ORDER.validate_python(record["intent"], strict=False)
        orders[order.client_order_id] = EmergencyOrder(order, OrderState.INTENT, None, "")
    elif "of" in record:
        known = orders[record["of"]]
        answer = None if record["answer"] is None else _ANSWER.validate_python(record["answer"], strict=False)
        orders[record["of"]] = EmergencyOrder(known.order, OrderState(record["state"]), answer, str(record["text"]))
    elif "start" not in record:
        raise ValueError("neither start nor intent nor answer")


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False

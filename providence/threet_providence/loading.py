"""The files of all runs of a shard at once: read one by one, replayed together, by columns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import compress

import numpy as np

from threet.engine.histories import Books, replayed
from threet.engine.runs import RunImage
from threet.engine.types import Bools, Floats
from threet.engine.voms import Voms
from threet_providence.snapshots import SnapshotError, read, verified

_AT_ONCE = 65_536
Loaded = tuple[RunImage, Voms]
"""A run and its VOMS, proven by the replay: ``snapshots.load`` gives the same."""


def load_all(paths: Sequence[str]) -> list[Loaded | SnapshotError | OSError]:
    """In the order of ``paths``; of each that fails the error that ``snapshots.load`` would raise."""
    found: list[RunImage | SnapshotError | OSError] = [read_image(path) for path in paths]
    images = [one for one in found if isinstance(one, RunImage)]
    proven = iter(_proven(images))
    return [next(proven) if isinstance(one, RunImage) else one for one in found]


def read_image(path: str) -> RunImage | SnapshotError | OSError:
    try:
        return read(_content(path))
    except (SnapshotError, OSError) as error:
        return error


def _content(path: str) -> bytes:
    """Of a small file, with the least of calls."""
    handle = os.open(path, os.O_RDONLY)
    try:
        parts = [os.read(handle, _AT_ONCE)]
        while len(parts[-1]) == _AT_ONCE:
            parts.append(os.read(handle, _AT_ONCE))
    finally:
        os.close(handle)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _proven(images: Sequence[RunImage]) -> list[Loaded | SnapshotError | OSError]:
    books = replayed([image.entries for image in images], np.array([image.spec.fee_rate for image in images]))
    prices = np.array([image.last_price for image in images])
    right = books.sound & _as_saved(books, prices, images)
    voms = iter(_voms(books, right, prices, list(compress(images, right))))
    return [(image, next(voms)) if is_right else _reason(image) for image, is_right in zip(images, right.tolist(), strict=True)]


def _as_saved(books: Books, prices: Floats, images: Sequence[RunImage]) -> Bools:
    """To the bit."""
    with np.errstate(all="ignore"):
        live_pnl = books.live_pnl(prices)
    saved = np.array([image.live_pnl for image in images])
    directions = np.array([image.direction for image in images], dtype=np.int64)
    same: Bools = (live_pnl.view(np.int64) == saved.view(np.int64)) & (np.sign(books.size) == directions)
    return same


def _voms(books: Books, chosen: Bools, prices: Floats, images: Sequence[RunImage]) -> list[Voms]:
    rows = [getattr(books, name)[chosen].tolist() for name in ("size", "entry", "realised", "fees", "funding", "closed_trades")]
    made = []
    for image, size, entry, realised, fees, funding, closed, price in zip(images, *rows, prices[chosen].tolist(), strict=True):
        spec = image.spec
        voms = Voms(start_balance=spec.start_balance, leverage=spec.leverage, fee_rate=spec.fee_rate)
        voms.size, voms.entry, voms.realised, voms.fees, voms.funding = size, entry, realised, fees, funding
        voms.closed_trades, voms.mark = closed, price
        made.append(voms)
    return made


def _reason(image: RunImage) -> Loaded | SnapshotError:
    """What the replay one by one says of it."""
    try:
        return verified(image)
    except SnapshotError as error:
        return error

"""The node's two addresses: ``GET /v1/positions?nonce=...`` and ``GET /health``."""

from __future__ import annotations

import asyncio
import re

from aiohttp import web

from threet.observer.reader import Reader
from threet.observer.report import Signer
from threet.observer.sequence import SequenceFile
from threet.observer.view import Unreadable

_NONCE = re.compile(r"^[A-Za-z0-9_-]{16,128}$")


def make_app(reader: Reader, signer: Signer, sequence: SequenceFile, patience_seconds: float) -> web.Application:
    """``patience_seconds``: how long a caller waits for a new reading before he gets a 503."""

    async def positions(request: web.Request) -> web.Response:
        nonce = request.query.get("nonce", "")
        if not _NONCE.match(nonce):
            return web.json_response({"error": "nonce: expected 16 to 128 letters, digits, - or _"}, status=400)
        try:
            async with asyncio.timeout(patience_seconds):
                reading = await reader.latest()
        except Unreadable as error:
            return web.json_response({"error": str(error)}, status=503)
        except TimeoutError:
            return web.json_response({"error": f"no reading within {patience_seconds:g} s"}, status=503)
        return web.json_response(signer.report(reading, sequence.next(), nonce))

    async def health(_: web.Request) -> web.Response:
        return web.json_response(
            {"status": "ok", "observer": signer.name, "reading_age_seconds": reader.age_seconds, "last_error": reader.last_error}
        )

    app = web.Application()
    app.router.add_get("/v1/positions", positions)
    app.router.add_get("/health", health)
    return app

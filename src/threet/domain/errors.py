"""Errors of a venue, told apart by the one question that matters: is it safe to try again?"""

from __future__ import annotations


class VenueError(Exception):
    """Anything that a venue did other than answer."""


class VenueRefused(VenueError):
    """Nothing happened, and asking again the same way will not help."""


class VenueBusy(VenueError):
    """Nothing happened; it may be asked again after ``retry_after_seconds``."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class VenueSilent(VenueError):
    """Nobody knows whether it happened: only settlement may answer."""

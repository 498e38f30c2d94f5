"""What the layers above catch where a database does not answer; they import no driver and no toolkit."""

from __future__ import annotations

from sqlalchemy.exc import SQLAlchemyError as DatabaseError

__all__ = ["DatabaseError"]

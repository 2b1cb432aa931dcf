"""The present moment, as decisions and the register name it."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present moment with its zone."""
    return datetime.now(UTC).replace(microsecond=0)

"""When to come back after a refusal: the `Retry-After` header of RFC 9110, 10.2.3."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["REFUSALS", "retry_after_ns"]

REFUSALS = (429, 503)

_UNSAID_NS = 1_000_000_000
"""How long to wait where the answer does not say."""


def retry_after_ns(header: str | None, *, now: datetime | None = None) -> int:
    """The time to wait, from seconds or from a date; a second where it says nothing that can be read."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return int(text) * 10**9
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return _UNSAID_NS
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0, round((until - (now or datetime.now(UTC))).total_seconds() * 1e9))

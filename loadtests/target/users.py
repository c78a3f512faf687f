"""The customers: 10,000 users whose tier and threads follow from their number, so any client can know the right answer.

Of every twenty consecutive users ten are free, six early, three mid and one enterprise.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

__all__ = ["LAST_USER", "TIERS", "Thread", "Tokens", "parse_user", "thread_of", "threads_of", "tier_of"]

TIERS = ("free", "early", "mid", "enterprise")
LAST_USER = 10_000

_USER = re.compile(r"(?:user_)?([0-9]{1,9})")
_THREAD = re.compile(r"thread_([0-9]{1,9})_([0-9]{1,9})")
_TOPICS = ("compute spend", "storage growth", "model usage", "idle capacity", "network egress", "licence overlap")


def parse_user(value: object) -> int:
    """The number of a user written as 42, "42" or "user_42"; raises `ValueError` for one that does not exist."""
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and (found := _USER.fullmatch(value)):
        number = int(found[1])
    else:
        number = 0
    if not 1 <= number <= LAST_USER:
        raise ValueError(f"expected a user from 1 to {LAST_USER}, such as 42 or user_42 (got {value!r:.80})")
    return number


def tier_of(user: int) -> str:
    """The tier a user pays for, by the last digits of the number."""
    place = user % 20
    if place < 10:
        return "free"
    if place < 16:
        return "early"
    return "mid" if place < 19 else "enterprise"


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation of one user with the agents."""

    id: str
    title: str
    messages: int


def threads_of(user: int) -> tuple[Thread, ...]:
    """The threads of a user, three to ten of them; they never change."""
    return tuple(_thread(user, place) for place in range(1, _thread_count(user) + 1))


def thread_of(user: int, thread_id: str) -> Thread | None:
    """The thread of that id when it belongs to the user, else None: another's looks like none at all."""
    found = _THREAD.fullmatch(thread_id)
    if found is None or int(found[1]) != user or not 1 <= int(found[2]) <= _thread_count(user):
        return None
    thread = _thread(user, int(found[2]))
    return thread if thread.id == thread_id else None


def _thread_count(user: int) -> int:
    return 3 + user % 8


def _thread(user: int, place: int) -> Thread:
    topic = _TOPICS[(user + place) % len(_TOPICS)]
    return Thread(f"thread_{user}_{place}", f"review of {topic}, part {place}", 2 + (user * place) % 40)


class Tokens:
    """Signs users in without remembering them: a token is the user's number and its keyed hash.

    Memory stays flat however many sign in; a restart makes a new key and so ends every session.
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes | None = None) -> None:
        self._key = secrets.token_bytes(32) if key is None else key

    def issue(self, user: int) -> str:
        """A token for the user, the same at every sign-in while the process lives."""
        return f"{user}.{self._sign(user)}"

    def user(self, token: str) -> int | None:
        """The user the token was issued to, or None for a forged, foreign or malformed one."""
        number, _, signature = token.partition(".")
        if not (number.isascii() and number.isdigit() and len(number) <= 9 and signature.isascii()):
            return None
        return int(number) if hmac.compare_digest(signature, self._sign(int(number))) else None

    def _sign(self, user: int) -> str:
        return hashlib.blake2b(str(user).encode(), key=self._key, digest_size=16).hexdigest()

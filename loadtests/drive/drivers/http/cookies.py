"""A user's cookies, as RFC 6265 has it, as far as a load test needs it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookies import CookieError, Morsel, SimpleCookie

from loadtests.drive.drivers.http.origin import Origin

__all__ = ["Jar"]

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Cookie:
    name: str
    value: str
    domain: str
    host_only: bool
    path: str
    secure: bool
    expires_ns: int | None

    def goes_to(self, origin: Origin, path: str) -> bool:
        if self.secure and not origin.secure and origin.host not in ("localhost", "127.0.0.1", "::1"):
            return False
        if origin.host != self.domain and (self.host_only or not origin.host.endswith(f".{self.domain}")):
            return False
        return path == self.path or path.startswith(self.path if self.path.endswith("/") else f"{self.path}/")


class Jar:
    """Cookies by domain, path and name. Lifetimes are counted in ns of the engine's clock from when they came."""

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, str], _Cookie] = {}

    def __len__(self) -> int:
        return len(self._cookies)

    def header(self, origin: Origin, target: str, now_ns: int) -> str | None:
        """The `Cookie` header of a request, longer paths first; `None` when no cookie goes there."""
        if not self._cookies:
            return None
        path = target.split("?", 1)[0]
        found = [
            cookie
            for cookie in self._cookies.values()
            if (cookie.expires_ns is None or cookie.expires_ns > now_ns) and cookie.goes_to(origin, path)
        ]
        found.sort(key=lambda cookie: -len(cookie.path))
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in found) or None

    def keep(self, lines: list[str], origin: Origin, target: str, now_ns: int) -> None:
        """Take the `Set-Cookie` lines of an answer; what is malformed or meant for elsewhere is left out."""
        for line in lines:
            try:
                morsels = SimpleCookie(line)
            except CookieError:
                continue
            for morsel in morsels.values():
                self._keep_one(morsel, origin, target.split("?", 1)[0], now_ns)

    def _keep_one(self, morsel: "Morsel[str]", origin: Origin, path: str, now_ns: int) -> None:
        domain = morsel["domain"].lstrip(".").lower()
        if domain and origin.host != domain and (not origin.host.endswith(f".{domain}") or "." not in domain):
            return
        given = morsel["path"]
        cookie = _Cookie(
            name=morsel.key,
            value=morsel.coded_value,
            domain=domain or origin.host,
            host_only=not domain,
            path=given if given.startswith("/") else path.rsplit("/", 1)[0] or "/",
            secure=bool(morsel["secure"]),
            expires_ns=_expiry(morsel, now_ns),
        )
        key = (cookie.domain, cookie.path, cookie.name)
        self._cookies.pop(key, None)
        if cookie.expires_ns is None or cookie.expires_ns > now_ns:
            self._cookies[key] = cookie


def _expiry(morsel: "Morsel[str]", now_ns: int) -> int | None:
    """When the cookie ends; `Max-Age` goes before `Expires`, what cannot be read counts as not given."""
    try:
        if morsel["max-age"]:
            return now_ns + int(morsel["max-age"]) * _NS
        if morsel["expires"]:
            ends = parsedate_to_datetime(morsel["expires"].replace("-", " "))
            ends = ends if ends.tzinfo is not None else ends.replace(tzinfo=UTC)
            return now_ns + round((ends - datetime.now(UTC)).total_seconds() * _NS)
    except (ValueError, TypeError):
        return None
    return None

"""Where a request goes: scheme, host and port, and how they are written on the wire."""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, urlsplit

__all__ = ["Origin", "escaped", "is_absolute", "request_target", "split_url"]

_PORTS = {"http": 80, "https": 443}
_ABSOLUTE = re.compile(r"https?://", re.IGNORECASE)
_AS_WRITTEN = "/:?[]@!$&'()*+,;=%-._~"
"""What may stand in a request target as it is; everything else is percent-encoded."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host (lower case, IPv6 without brackets) and port; two URLs of one origin share connections."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Self:
        """The origin of an absolute URL; raises `ValueError` with a sentence when there is none."""
        parts = urlsplit(url)
        scheme = parts.scheme.lower()
        if scheme not in _PORTS or not parts.hostname:
            raise ValueError(f"expected a URL such as http://127.0.0.1:8080 (got {url})")
        host = parts.hostname
        if not host.isascii():
            host = host.encode("idna").decode()
        return cls(scheme, host, _PORTS[scheme] if parts.port is None else parts.port)

    @property
    def authority(self) -> str:
        """The `Host` header: the port only where it is not the scheme's own, IPv6 in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def secure(self) -> bool:
        """Whether connections are TLS."""
        return self.scheme == "https"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


def is_absolute(text: str) -> bool:
    """Whether the text names its own origin."""
    return _ABSOLUTE.match(text) is not None


def split_url(url: str) -> tuple[Origin, str]:
    """Origin and request target of an absolute URL; raises `ValueError`."""
    origin = Origin.of(url)
    rest = url.split("://", 1)[1]
    start = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    return origin, request_target(rest[start:])


def request_target(text: str) -> str:
    """The path and query as sent: from "/", without a fragment, illegal characters percent-encoded."""
    text = text.split("#", 1)[0]
    if not text.startswith("/"):
        text = "/" + text
    return escaped(text)


def escaped(text: str) -> str:
    """A piece of a path or query with what may not stand there percent-encoded; what is encoded stays."""
    return quote(text, safe=_AS_WRITTEN)

"""Keeping secrets out of every file, log and report.

Secret are: environment values under a name that looks secret, passwords in URLs, `auth` values, the `bearer` of
WebSockets and agents, and the values of credential headers. In a document they are hidden where they stand; in other
text wherever they occur.
`{{name}}` in such a place is no secret, and stays.
"""

import re
from base64 import b64encode
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

from loadtests.plan.yamlfile import Place

__all__ = ["HIDDEN", "conceal", "looks_secret", "mask", "secrets_in"]

HIDDEN = "***"
_SECRET_WORDS = ("TOKEN", "SECRET", "PASSWORD", "PASSWD", "KEY", "CREDENTIAL", "AUTH")
_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
_OPEN_TEXT = frozenset(
    {
        *("target", "request", "headers", "json", "form", "raw", "auth", "check", "data", "extract"),
        *("send", "on_open", "path", "until", "subprotocols", "bearer"),
        *("prompt", "system", "user", "thread", "body", "answer", "model"),
    }
)
_SCHEME = re.compile(r"(?i)(?:bearer|basic|token|digest|negotiate|apikey)\s+")
_URL_PASSWORD = re.compile(r"(\w+://[^/@\s:]*:)([^/@\s]+)(?=@)")
_QUERY_SECRET = re.compile(r"(?i)([?&](?:password|passwd|token|access_token|api_?key|secret)=)([^&\s#{]+)")
_VARIABLE = re.compile(r"(\{\{.*?\}\})")
_SHORT = 6
"""Shorter secrets are hidden only where they stand: `test` as a password must not blot out every `test`."""


def mask(text: str, secrets: Iterable[str]) -> str:
    """`text` with every secret in it as `***`, the longest first."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def looks_secret(name: str) -> bool:
    """Whether an environment variable of that name is taken to hold a secret."""
    upper = name.upper()
    return any(word in upper for word in _SECRET_WORDS)


def secrets_in(document: Any, known: Iterable[str] = (), *, spelled: Iterable[str] = ()) -> tuple[str, ...]:
    """Every secret of a document in the clear, and the known ones, in each spelling that travels; longest first.

    `spelled` are secrets that have been through this before.
    """
    found = {secret for place, text in _texts(document, ()) for secret in _secret_parts(place, text)}
    found |= set(known) | {b64encode(":".join(pair).encode()).decode() for pair in _basic_pairs(document)}
    found |= {spelling for secret in found for spelling in (unquote(secret), quote(secret, safe=""))}
    return _longest_first((found | set(spelled)) - {"", HIDDEN, quote(HIDDEN, safe="")})


def _longest_first(secrets: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(secrets, key=lambda secret: (-len(secret), secret)))


def conceal(document: Any, marks: Mapping[Place, str], secrets: Collection[str]) -> Any:
    """The document with its secrets hidden; `marks` are texts already hidden in part, by place."""
    everywhere = [secret for secret in secrets if len(secret) >= _SHORT]

    def hidden(value: Any, place: Place) -> Any:
        if isinstance(value, dict):
            return {key: hidden(child, (*place, key)) for key, child in value.items()}
        if isinstance(value, list):
            return [hidden(child, (*place, position)) for position, child in enumerate(value)]
        if not isinstance(value, str):
            return value
        text = _hide_parts(place, marks.get(place, value))
        return mask(text, everywhere) if _OPEN_TEXT.intersection(place) else text

    return hidden(document, ())


def _texts(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _texts(child, (*place, key))
    elif isinstance(value, list):
        for position, child in enumerate(value):
            yield from _texts(child, (*place, position))
    elif isinstance(value, str):
        yield place, value


def _secret_parts(place: Place, text: str) -> Iterator[str]:
    yield from (found[2] for pattern in (_URL_PASSWORD, _QUERY_SECRET) for found in pattern.finditer(text))
    if place[-2:] != ("basic", 0) and _is_credential(place):
        yield from (part for part in _VARIABLE.split(_without_scheme(text)[1])[::2] if part.strip())
        if str(place[-1]).lower() == "cookie":
            values = (pair.partition("=")[2].strip() for pair in text.split(";"))
            yield from (value for value in values if len(value) >= _SHORT and "{{" not in value)


def _hide_parts(place: Place, text: str) -> str:
    if _is_credential(place):
        scheme, rest = _without_scheme(text)
        parts = _VARIABLE.split(rest)
        return scheme + "".join(HIDDEN if i % 2 == 0 and part.strip() else part for i, part in enumerate(parts))
    for pattern in (_URL_PASSWORD, _QUERY_SECRET):
        text = pattern.sub(lambda found: found[1] + HIDDEN, text)
    return text


def _is_credential(place: Place) -> bool:
    if "auth" in place or place[-2:] in (("websocket", "bearer"), ("agent", "bearer")):
        return True
    return len(place) >= 2 and place[-2] == "headers" and str(place[-1]).lower() in _SECRET_HEADERS


def _without_scheme(text: str) -> tuple[str, str]:
    found = _SCHEME.match(text)
    return ("", text) if found is None else (found[0], text[found.end() :])


def _basic_pairs(value: Any) -> Iterator[list[str]]:
    if isinstance(value, dict):
        for key, child in value.items():
            if key == "basic" and isinstance(child, list) and len(child) == 2 and child[1] != HIDDEN:
                yield [str(part) for part in child]
            yield from _basic_pairs(child)
    elif isinstance(value, list):
        for child in value:
            yield from _basic_pairs(child)

"""What a plan asks over HTTP: requests, journeys of several, and what makes an answer good."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Body", "Check", "Extract", "HttpOperation", "HttpSettings", "Request", "Step"]


@dataclass(frozen=True, slots=True)
class Check:
    """What makes an answer good. Without `status`, any status below 400 is good.

    `json` maps a dotted path to the value it must equal (values may hold `{{name}}`).
    """

    status: tuple[int, ...] | None = None
    json: Mapping[str, Any] = field(default_factory=dict)
    contains: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """A request body; `value` is the JSON document, the form mapping, the raw text, or a file's bytes (sent as is)."""

    kind: Literal["json", "form", "raw", "file"]
    value: Any


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as a template: `path` (origin-form or absolute URL), header values and body may hold `{{name}}`.

    `auth` is (scheme, credentials): `("basic", "user:password")` or `("bearer", token)`; it may hold `{{name}}` too.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    auth: tuple[str, str] | None = None
    check: Check = Check()
    redirects: int = 0


@dataclass(frozen=True, slots=True)
class Extract:
    """Takes a value from an answer for later steps: by JSON path, header name, or regex (group 1, else the match)."""

    source: Literal["json", "header", "regex"]
    expression: str


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a journey; recorded as the operation `<journey>/<step>`.

    `think_ns` is waited before the request is due, and is in no step's latency.
    """

    name: str
    request: Request
    extract: Mapping[str, Extract] = field(default_factory=dict)
    think_ns: tuple[int, int] | None = None
    timeout_ns: int | None = None


@dataclass(frozen=True, slots=True)
class HttpOperation:
    """Exactly one of `request`, `steps`, `journey` (`module:function`) is set."""

    name: str
    weight: float = 1.0
    request: Request | None = None
    steps: tuple[Step, ...] = ()
    journey: str | None = None
    timeout_ns: int | None = None


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Per-scenario HTTP behaviour: `keep_alive` false closes after each answer; `cookies` keeps a jar per user."""

    keep_alive: bool = True
    cookies: bool | None = None
    """`None`: on for journeys, off for single requests."""

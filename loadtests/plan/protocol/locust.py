"""What a plan asks of a locustfile. What its users do, and under which names, is for the file to say."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["LocustSettings", "Locustfile"]


@dataclass(frozen=True, slots=True)
class Locustfile:
    """Stands for whatever the users of a locustfile do; what they did is found when it is recorded."""

    name: str = "locustfile"
    weight: float = 1.0
    timeout_ns: int | None = None


@dataclass(frozen=True, slots=True)
class LocustSettings:
    """Which locustfile, relative to the plan, and what it is run with.

    `users` are names of user classes (all of the file when empty). `host` is `target.http` unless given. `options` are
    further options of Locust's, or of the locustfile's own, without their dashes.
    """

    locustfile: str = ""
    host: str | None = None
    users: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)

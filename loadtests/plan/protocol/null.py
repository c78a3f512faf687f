"""What a plan asks of the null driver, which has no target: answers after a known time."""

from dataclasses import dataclass

from loadtests.law import Law

__all__ = ["NullOperation"]


@dataclass(frozen=True, slots=True)
class NullOperation:
    """Answers by `law` with no I/O; every k-th (`fail_every`) execution fails with kind `dialled`."""

    name: str
    law: Law
    weight: float = 1.0
    fail_every: int | None = None
    timeout_ns: int | None = None

"""What the fault dial does to telling an execution: half-way through its tokens, one is malformed, or it is cut."""

from collections.abc import Callable

from loadtests.target.agents.execution import Severed

__all__ = ["Spoiler"]


class Spoiler:
    """Asked about every token of one execution."""

    def __init__(self, fate: str | None, tokens: int, came_about: Callable[[str], None]) -> None:
        self._fate = fate if fate in ("cut", "malformed") else None
        self._middle = max(1, tokens // 2)
        self._place = 0
        self._came_about = came_about

    def spoils(self) -> bool:
        """Whether this token is to be malformed; raises `Severed` where the connection is to end before it."""
        if self._fate is None:
            return False
        self._place += 1
        if self._place != self._middle + (self._fate == "cut"):
            return False
        self._came_about(self._fate)
        if self._fate == "cut":
            raise Severed
        return True

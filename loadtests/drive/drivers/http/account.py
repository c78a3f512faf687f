"""Where the outcomes of one operation go: its tape, its further histograms, and samples of its failures."""

from collections.abc import Callable

from loadtests.drive.drivers.base import Surroundings
from loadtests.drive.drivers.failure import Failure
from loadtests.drive.drivers.http.answer import Head
from loadtests.plan.secrets import mask

__all__ = ["Account", "excerpt"]

_SHOWN = 200


class Account:
    """One operation's books. `first_byte` is kept only where a threshold asks for it."""

    def __init__(self, surroundings: Surroundings, name: str) -> None:
        tape = surroundings.recorder.tape(name)
        wanted = any(threshold.metric == "first byte" for threshold in surroundings.scenario.thresholds)
        self.name, self.tape = name, tape
        self.ok, self.cut_off = tape.ok, tape.cut_off
        self.connect = tape.measure("connect")
        self.first_byte: Callable[[int, int], None] | None = tape.measure("first byte") if wanted else None
        self._recorder, self._secrets = surroundings.recorder, surroundings.secrets

    def failed(
        self, failure: Failure, intended_ns: int, sent_ns: int, ended_ns: int, *, seen: Callable[[], str] | None = None
    ) -> None:
        """Record a failed execution; `seen` tells what came back, and is asked only when a sample is still wanted."""
        self.tape.failed(failure.kind, intended_ns, sent_ns, ended_ns)
        if self._recorder.wants_sample(self.name, failure.kind):
            message = failure.reason if seen is None else f"{failure.reason} | {seen()}"
            self._recorder.sample(self.name, failure.kind, ended_ns, mask(message, self._secrets))


def excerpt(head: Head, body: bytes) -> str:
    """The status line and how the body begins."""
    text = body[: 4 * _SHOWN].decode("utf-8", "replace")[:_SHOWN]
    return f"{head.line} | {text}" if text else head.line

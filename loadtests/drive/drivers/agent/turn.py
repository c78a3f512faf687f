"""What one turn of an execution has brought so far."""

from array import array

from loadtests.drive.drivers.agent.sse import EventReader
from loadtests.drive.drivers.failure import Failure

__all__ = ["MOST_PHASES", "Turn"]

MOST_PHASES = 32
"""Different phases that are timed in one turn; each makes a histogram."""


class Turn:
    """Times are ns of the engine's clock. `tokens` are the times at which tokens came, `texts` what they said.

    `ended` once the last event has come; `fault` is what the service itself said went wrong. `identified` once the
    answer has said whose it is; `stranger` is the first who is not the one who asked.
    """

    __slots__ = (
        "due_ns",
        "ended",
        "events",
        "fault",
        "first_event_ns",
        "identified",
        "open_phases",
        "phases",
        "queued_ns",
        "reader",
        "result",
        "sent_ns",
        "stranger",
        "texts",
        "tokens",
        "tools",
        "user",
    )

    def __init__(self, due_ns: int, user: str | None, *, keeps_text: bool, times_events: bool) -> None:
        self.due_ns, self.sent_ns = due_ns, 0
        self.user = user
        self.reader = EventReader()
        self.first_event_ns = 0
        self.tokens = array("q")
        self.events: array[int] | None = array("q") if times_events else None
        self.texts: list[str] | None = [] if keeps_text else None
        self.open_phases: dict[str, int] = {}
        self.phases: list[tuple[str, int]] = []
        self.tools = 0
        self.queued_ns: int | None = None
        self.result = b""
        self.ended = self.identified = False
        self.fault: Failure | None = None
        self.stranger: str | None = None

    @property
    def text(self) -> str:
        """All that the tokens said."""
        return "".join(self.texts or ())

    def identify(self, owner: object) -> None:
        """The service says whose answer it is."""
        if self.user is None or owner is None:
            return
        self.identified = True
        if str(owner) != self.user and self.stranger is None:
            self.stranger = str(owner)

    def phase(self, name: str, *, began: bool, now_ns: int) -> None:
        """A phase began or ended; the end of one that never began means nothing."""
        if began:
            if len(self.open_phases) < MOST_PHASES:
                self.open_phases[name] = now_ns
            return
        start_ns = self.open_phases.pop(name, None)
        if start_ns is not None and len(self.phases) < MOST_PHASES:
            self.phases.append((name, now_ns - start_ns))

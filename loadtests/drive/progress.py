"""What is shown while a scenario runs: phase, open connections, rates, p50 and p99, failures, time left."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from loadtests.plan.model import Scenario
from loadtests.result.histogram import Histogram
from loadtests.result.window import COMPLETED_OK, CONNECTIONS, DROPPED, OFFERED, OK, RESPONSE_OK, Tally, Window
from loadtests.units import format_duration, format_rate

if TYPE_CHECKING:
    from rich.live import Live

__all__ = ["Progress", "Status", "print_status"]

_RECENT_S = 5
_PLAIN_EVERY_S = 5


@dataclass(frozen=True, slots=True)
class Status:
    """One moment of a run as the display shows it; rates and percentiles are of the last five whole seconds.

    `connections` are those open now, `None` where none are held; `unmade` and `lost` add up over the run. Where
    nothing is sent over them, `sends` is false and no rate is shown. With `journeys` what is counted and timed is whole
    ones.
    """

    scenario: str
    phase: str
    elapsed_s: float
    left_s: float
    share: float
    offered_per_s: float
    ok_per_s: float
    p50_us: int | None
    p99_us: int | None
    failed: int
    dropped: int
    connections: int | None = None
    unmade: int = 0
    lost: int = 0
    sends: bool = True
    journeys: bool = False

    def __str__(self) -> str:
        parts = [self.phase, *self._held(), *(self._sent() if self.sends else ()), f"{self.left_s:.0f} s left"]
        return f"{self.scenario}: {', '.join(parts)}"

    def _held(self) -> list[str]:
        if self.connections is None:
            return []
        parts = [f"{self.connections:,} connections open"]
        parts += [f"{self.unmade:,} not made"] if self.unmade else []
        return [*parts, f"{self.lost:,} lost"] if self.lost else parts

    def _sent(self) -> list[str]:
        latency = (
            "no answers yet"
            if self.p50_us is None or self.p99_us is None
            else f"p50 {format_duration(self.p50_us * 1000)}, p99 {format_duration(self.p99_us * 1000)}"
            + (" of whole journeys" if self.journeys else "")
        )
        rates = [f"{format_rate(self.offered_per_s)} offered", f"{format_rate(self.ok_per_s)} OK"]
        dropped = [f"{self.dropped:,} dropped"] if self.dropped else []
        return [*rates, latency, f"{self.failed:,} failed", *dropped]


class Progress:
    """Adds up windows as they come in and says where the scenario stands."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._names = {operation.name for operation in scenario.operations}
        self._recent: deque[Window] = deque()
        self._failed = 0
        self._dropped = 0
        self._journeys = False
        self._held: Tally | None = Tally() if scenario.load.connections is not None else None

    def window(self, window: Window) -> None:
        """Take in a further window."""
        self._recent.append(window)
        while self._recent and self._recent[0].second < window.second - _RECENT_S - 1:
            self._recent.popleft()
        self._journeys = self._journeys or self._has_steps(window)
        for tally in self._executed(window):
            self._failed += tally.failed
            self._dropped += tally.count(DROPPED)
        held = window.operations.get(CONNECTIONS)
        if held is not None:
            self._held = Tally.merge([self._held or Tally(), Tally(held.counters)])

    def status(self, elapsed_s: float) -> Status:
        """Where the scenario stands `elapsed_s` seconds after its start."""
        duration_s = self._scenario.load.duration_ns / 1e9
        last = int(elapsed_s - 1.3)
        seconds = range(max(0, last - _RECENT_S), max(0, last))
        recent = Tally.merge(
            tally for window in self._recent if window.second in seconds for tally in self._executed(window)
        )
        answers = recent.histograms.get(RESPONSE_OK) or Histogram.empty()
        length = max(1, len(seconds))
        held = self._held or Tally()
        lost = sum(held.lost_connections.values())
        return Status(
            scenario=self._scenario.name,
            phase=self._phase(elapsed_s),
            elapsed_s=elapsed_s,
            left_s=max(0.0, duration_s - elapsed_s),
            share=min(1.0, elapsed_s / duration_s),
            offered_per_s=recent.count(OFFERED) / length,
            ok_per_s=recent.count(COMPLETED_OK) / length,
            p50_us=answers.quantile_us(0.5),
            p99_us=answers.quantile_us(0.99),
            failed=self._failed,
            dropped=self._dropped,
            connections=None if self._held is None else held.count(OK) - lost,
            unmade=held.failed,
            lost=lost,
            sends=bool(self._names),
            journeys=self._journeys,
        )

    def _executed(self, window: Window) -> list[Tally]:
        """Tallies of whole executions: a journey counts as one, not once more for each of its steps."""
        every = self._scenario.discovers
        return [tally for name, tally in window.operations.items() if every or name in self._names]

    def _has_steps(self, window: Window) -> bool:
        """Whether a step of a journey is among its operations; a locustfile's requests are no steps."""
        steps = (name for name in window.operations if name not in self._names)
        return not self._scenario.discovers and any(
            step.startswith(f"{name}/") for step in steps for name in self._names
        )

    def _phase(self, elapsed_s: float) -> str:
        steady_from, steady_to = (ns / 1e9 for ns in self._scenario.steady_ns)
        if elapsed_s >= steady_to:
            return "draining"
        if elapsed_s >= steady_from:
            return "steady"
        return "ramp" if elapsed_s < self._scenario.load.ramp_ns / 1e9 else "warm-up"


def print_status(stream: TextIO) -> "Callable[[Status | None], None]":
    """A display for `stream`: one live line on a terminal, a line every five seconds elsewhere. `None` ends it."""
    return _LiveLine(stream) if stream.isatty() else _PlainLines(stream)


class _PlainLines:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._next_s = float(_PLAIN_EVERY_S)

    def __call__(self, status: Status | None) -> None:
        if status is None or status.elapsed_s < self._next_s:
            return
        self._next_s = status.elapsed_s - status.elapsed_s % _PLAIN_EVERY_S + _PLAIN_EVERY_S
        print(f"  {status}", file=self._stream, flush=True)


class _LiveLine:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live: Live | None = None

    def __call__(self, status: Status | None) -> None:
        if status is None:
            if self._live is not None:
                self._live.stop()
            return
        from rich.console import Console, Group
        from rich.live import Live
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        if self._live is None:
            self._live = Live(console=Console(file=self._stream), transient=True, auto_refresh=False)
            self._live.start()
        bar = ProgressBar(total=1.0, completed=status.share, width=60)
        self._live.update(Group(Text(str(status)), bar), refresh=True)

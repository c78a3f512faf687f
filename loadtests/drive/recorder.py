"""Recording: flat buffers while the load runs, bucketed in bulk, given out as one window per second and operation.

The hot path is three `array.append`s. Everything else (which second, which bucket, how many) is computed over a
thousand values at a time, about a tenth of the cost of a histogram call per value.
"""

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from loadtests.result.histogram import HIGHEST_US, LOWEST_US, Histogram, index_of
from loadtests.result.run import FailureSample
from loadtests.result.window import (
    COMPLETED_FAILED,
    COMPLETED_OK,
    CUT_OFF,
    DROPPED,
    FAILED,
    OFFERED,
    OK,
    RESPONSE_FAILED,
    RESPONSE_OK,
    SERVICE_FAILED,
    SERVICE_OK,
    Tally,
    Window,
)

__all__ = ["GENERATOR", "Recorder", "Tape"]

GENERATOR = "-generator-"
"""Name of the tape whose values describe the generator itself; it becomes `Window.generator`."""

_NS = 1_000_000_000
_FOLD_AT = 1024
_SLICE = 8192
_MEASURE_SLICE = 2048
"""Values of one further histogram that are bucketed in one turn: a third of a millisecond."""
_GRACE_NS = 250_000_000
"""A second is given out this long after its end, so that most late answers are still in its first window."""
_SAMPLES = 20
_SAMPLE_LENGTH = 2000
"""Cut far beyond what is stored, so that no secret is cut in two before the writer masks it."""
_START_LAG = "start lag"

Times = NDArray[np.int64]


class _Column:
    """A growing list of int64 whose bound `append` outlives emptying."""

    __slots__ = ("_values", "append")

    def __init__(self) -> None:
        self._values = array("q")
        self.append = self._values.append

    def __len__(self) -> int:
        return len(self._values)

    def take(self, rows: int) -> Times:
        """The first `rows` values, removed."""
        taken = np.array(self._values[:rows], np.int64)
        del self._values[:rows]
        return taken

    def extend(self, values: Times) -> None:
        """Append all of them."""
        self._values.frombytes(values.tobytes())


class _Ends:
    """Executions that ended one way: intended start, actual send and end of each, in ns."""

    __slots__ = ("add", "columns", "ended", "intended", "sent")

    def __init__(self) -> None:
        self.intended, self.sent, self.ended = _Column(), _Column(), _Column()
        self.columns = intended, sent, ended = self.intended.append, self.sent.append, self.ended.append

        def add(intended_ns: int, sent_ns: int, ended_ns: int) -> None:
            intended(intended_ns)
            sent(sent_ns)
            ended(ended_ns)

        self.add = add


class Tape:
    """What one operation has recorded and not yet given out. Times are ns of the engine's clock.

    `started(intended_ns)` and `fired(now_ns)` for each execution that starts; then exactly one of
    `ok(intended, sent, ended)`, `failed(kind, intended, sent, ended)`, `cut_off(intended)`.
    An arrival that never started for want of room is `started` and `dropped`. `ok_columns` are the three appends that
    `ok` is, in its order, for a load loop that would save a call.
    """

    __slots__ = (
        "_counted",
        "_cut",
        "_drops",
        "_failures",
        "_fired",
        "_measures",
        "_ok",
        "_started",
        "cut_off",
        "dropped",
        "fired",
        "name",
        "ok",
        "ok_columns",
        "started",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self._started, self._fired, self._drops, self._cut = _Column(), _Column(), _Column(), _Column()
        self._ok = _Ends()
        self._failures: dict[str, _Ends] = {}
        self._measures: dict[str, tuple[_Column, _Column]] = {}
        self._counted: dict[str, _Column] = {}
        self.started = self._started.append
        self.fired = self._fired.append
        self.dropped = self._drops.append
        self.cut_off = self._cut.append
        self.ok, self.ok_columns = self._ok.add, self._ok.columns

    def failed(self, kind: str, intended_ns: int, sent_ns: int, ended_ns: int) -> None:
        """An execution ended badly; `kind` is the failure kind (timeout, connect, reset, protocol, check, …)."""
        ends = self._failures.get(kind)
        if ends is None:
            ends = self._failures[kind] = _Ends()
        ends.add(intended_ns, sent_ns, ended_ns)

    def measure(self, name: str) -> Callable[[int, int], None]:
        """A recorder `(at_ns, value_ns)` for a further histogram of this operation, such as `connect`."""
        if name not in self._measures:
            self._measures[name] = (_Column(), _Column())
        at, value = self._measures[name]
        add_at, add_value = at.append, value.append

        def add(at_ns: int, value_ns: int) -> None:
            add_at(at_ns)
            add_value(value_ns)

        return add

    def measure_many(self, name: str) -> Callable[[int, Times], None]:
        """As `measure`, of many values at once, all at the same instant."""
        self.measure(name)
        at, value = self._measures[name]

        def add(at_ns: int, values_ns: Times) -> None:
            at.extend(np.full(values_ns.size, at_ns, np.int64))
            value.extend(values_ns)

        return add

    def counter(self, name: str) -> Callable[[int], None]:
        """A recorder `(at_ns)` that adds one to a further counter of this operation, such as `duplicated`."""
        if name not in self._counted:
            self._counted[name] = _Column()
        return self._counted[name].append

    def __len__(self) -> int:
        """Rows waiting in the longest column."""
        longest = max(len(self._started), len(self._ok.ended), len(self._drops), len(self._cut))
        for ends in self._failures.values():
            longest = max(longest, len(ends.ended))
        for at, _ in self._measures.values():
            longest = max(longest, len(at))
        for counted in self._counted.values():
            longest = max(longest, len(counted))
        return longest

    def folds(self, least: int = 1) -> "list[Callable[[_Seconds], None]]":
        """Pieces of work, each short, that empty up to a slice of every column into per-second sums.

        A further histogram is a piece of its own, done where at least `least` of its values wait.
        """
        further = [partial(self._fold_measure, name) for name, (at, _) in self._measures.items() if len(at) >= least]
        return [self._fold_starts, self._fold_ok, self._fold_rest, *further]

    def _fold_ok(self, seconds: "_Seconds") -> None:
        self._fold_ends(seconds, self._ok, OK, (RESPONSE_OK, SERVICE_OK, COMPLETED_OK))

    def _fold_rest(self, seconds: "_Seconds") -> None:
        seconds.count(self.name, DROPPED, self._drops.take(_SLICE))
        seconds.count(self.name, CUT_OFF, self._cut.take(_SLICE))
        for kind, ends in self._failures.items():
            self._fold_ends(seconds, ends, FAILED + kind, (RESPONSE_FAILED, SERVICE_FAILED, COMPLETED_FAILED))
        for name, counted in self._counted.items():
            seconds.count(self.name, name, counted.take(_SLICE))

    def _fold_measure(self, name: str, seconds: "_Seconds") -> None:
        at, value = self._measures[name]
        rows = min(len(at), _MEASURE_SLICE)
        seconds.observe(self.name, name, at.take(rows), value.take(rows))

    def _fold_starts(self, seconds: "_Seconds") -> None:
        rows = min(len(self._started), _SLICE)
        if not rows:
            return
        intended, fired = self._started.take(rows), self._fired.take(rows)
        seconds.count(self.name, OFFERED, intended)
        seconds.observe(GENERATOR, _START_LAG, intended, fired - intended)

    def _fold_ends(self, seconds: "_Seconds", ends: _Ends, counter: str, names: tuple[str, str, str]) -> None:
        rows = min(len(ends.ended), _SLICE)
        if not rows:
            return
        response, service, completed = names
        intended, sent, ended = ends.intended.take(rows), ends.sent.take(rows), ends.ended.take(rows)
        seconds.count(self.name, counter, intended)
        seconds.count(self.name, completed, ended)
        seconds.observe(self.name, response, intended, ended - intended)
        seconds.observe(self.name, service, intended, ended - sent)


class _Sum:
    """What one operation did in one second so far: counters, and per histogram the counter indices of its values."""

    __slots__ = ("clamped", "counters", "indices")

    def __init__(self) -> None:
        self.counters: dict[str, int] = {}
        self.indices: dict[str, list[NDArray[np.int32]]] = {}
        self.clamped: dict[str, int] = {}

    def tally(self) -> Tally:
        histograms = {
            name: Histogram.of_indices(np.concatenate(parts), self.clamped.get(name, 0))
            for name, parts in self.indices.items()
        }
        return Tally(dict(self.counters), histograms)


class _Seconds:
    """Sums by (second, operation); one is removed when it is given out, and may come again for late answers."""

    def __init__(self) -> None:
        self.start_ns = 0
        self.sums: dict[tuple[int, str], _Sum] = {}

    def count(self, name: str, counter: str, at_ns: Times) -> None:
        for second, rows in self._split(at_ns):
            counters = self._sum(second, name).counters
            counters[counter] = counters.get(counter, 0) + (
                rows.stop - rows.start if isinstance(rows, slice) else rows.size
            )

    def add(self, name: str, counter: str, at_ns: int, amount: int) -> None:
        counters = self._sum((at_ns - self.start_ns) // _NS, name).counters
        counters[counter] = counters.get(counter, 0) + amount

    def observe(self, name: str, histogram: str, at_ns: Times, value_ns: Times) -> None:
        """Bucket values; what lies outside 1 µs .. 1 h is clamped and counted."""
        if not at_ns.size:
            return
        values_us = (value_ns + 500) // 1000
        inside = np.clip(values_us, LOWEST_US, HIGHEST_US)
        outside = inside != values_us
        indices = index_of(inside).astype(np.int32)
        for second, rows in self._split(at_ns):
            found = self._sum(second, name)
            found.indices.setdefault(histogram, []).append(indices[rows])
            clamped = int(np.count_nonzero(outside[rows]))
            if clamped:
                found.clamped[histogram] = found.clamped.get(histogram, 0) + clamped

    def _sum(self, second: int, name: str) -> _Sum:
        key = (second, name)
        found = self.sums.get(key)
        if found is None:
            found = self.sums[key] = _Sum()
        return found

    def _split(self, at_ns: Times) -> Iterator[tuple[int, slice | NDArray[np.intp]]]:
        if not at_ns.size:
            return
        seconds = (at_ns - self.start_ns) // _NS
        low, high = int(seconds.min()), int(seconds.max())
        if low == high:
            yield low, slice(0, at_ns.size)
            return
        for second in range(low, high + 1):  # np.unique would import numpy.ma first: 12 ms, in the load loop
            rows = np.flatnonzero(seconds == second)
            if rows.size:
                yield second, rows


class Recorder:
    """All tapes of one engine process; `housekeep` turns them into windows a slice at a time, so no turn is long.

    `emit` takes each finished window; `sample` takes bounded samples of failures.
    """

    def __init__(
        self,
        scenario: str,
        process: str,
        *,
        emit: Callable[[Window], None],
        sample: Callable[[FailureSample], None],
    ) -> None:
        self._scenario, self._process = scenario, process
        self._emit, self._sample = emit, sample
        self._tapes: dict[str, Tape] = {}
        self._seconds = _Seconds()
        self._jobs: deque[Callable[[], None]] = deque()
        self._ended = 0
        self._samples: dict[tuple[str, str], int] = {}
        self.faults: dict[str, int] = {}
        self.sequence = 0

    def begin(self, start_ns: int) -> None:
        """Second 0 starts at `start_ns`; to be called before anything is recorded."""
        self._seconds.start_ns = start_ns

    def tape(self, name: str) -> Tape:
        """The tape of that operation, made on first use."""
        found = self._tapes.get(name)
        if found is None:
            found = self._tapes[name] = Tape(name)
        return found

    def generator(self, counter: str, at_ns: int, amount: int) -> None:
        """Add to a counter of the generator itself in the second of `at_ns`."""
        self._seconds.add(GENERATOR, counter, at_ns, amount)

    def fault(self, name: str) -> None:
        """The generator's own side failed (no file descriptors, no ports): the run becomes INVALID."""
        self.faults[name] = self.faults.get(name, 0) + 1

    def wants_sample(self, operation: str, kind: str) -> bool:
        """Whether a sample of this failure would still be kept; ask first, so that texts are made only when needed."""
        return self._samples.get((operation, kind), 0) < _SAMPLES

    def sample(self, operation: str, kind: str, at_ns: int, message: str) -> None:
        """Keep one failed execution for a person to see; at most 20 per operation and kind."""
        if not self.wants_sample(operation, kind):
            return
        self._samples[operation, kind] = self._samples.get((operation, kind), 0) + 1
        at_s = (at_ns - self._seconds.start_ns) / _NS
        self._sample(FailureSample(self._scenario, operation, kind, at_s, message[:_SAMPLE_LENGTH], self._process))

    def housekeep(self, now_ns: int) -> None:
        """One short turn of work: a piece of what has piled up, or of the seconds that have ended."""
        if self._jobs:
            self._jobs.popleft()()
            return
        ended = (now_ns - self._seconds.start_ns - _GRACE_NS) // _NS
        if ended > self._ended:
            self._ended = ended
            self._fold(self._tapes.values())
            self._jobs.append(partial(self._queue_until, ended))
        else:
            self._fold((tape for tape in self._tapes.values() if len(tape) >= _FOLD_AT), least=_FOLD_AT)

    def close(self) -> None:
        """Give out everything that is left."""
        while any(map(len, self._tapes.values())):
            self._fold(self._tapes.values())
            self._work()
        self._queue_until(None)
        self._work()

    def _fold(self, tapes: Iterable[Tape], *, least: int = 1) -> None:
        self._jobs.extend(partial(fold, self._seconds) for tape in tapes for fold in tape.folds(least))

    def _work(self) -> None:
        while self._jobs:
            self._jobs.popleft()()

    def _queue_until(self, second: int | None) -> None:
        """Make a job of each sum that lies before `second` (or of every one)."""
        keys = [key for key in self._seconds.sums if second is None or key[0] < second]
        self._jobs.extend(partial(self._give_out, key) for key in keys)

    def _give_out(self, key: tuple[int, str]) -> None:
        if key not in self._seconds.sums:
            return
        second, name = key
        tally = self._seconds.sums.pop(key).tally()
        operations, generator = ({}, tally) if name == GENERATOR else ({name: tally}, Tally())
        self._emit(Window(self._scenario, self._process, self.sequence, second, operations, generator))
        self.sequence += 1

"""The cases: a server of known behaviour, the loads it is put under, and what is claimed about the figures.

The demanding ones are at a rate of their own, whatever the others are at.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.accuracy.behaviour import MS, Behaviour, S, Stall, Step

__all__ = ["QUANTILES", "WARMUP_NS", "Case", "Closed", "Offer", "Open", "cases"]

WARMUP_NS = 1 * S
"""Connections are opened here; recorded, not compared."""

QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0))
_RARE = (*QUANTILES[:-1], ("p99.99", 0.9999), QUANTILES[-1])
_FAST = 10_000.0
_ROOMY = 10_000


@dataclass(frozen=True, slots=True)
class Open:
    """Constant arrivals at `rate` that never wait; at most `room` in flight."""

    rate: float
    room: int = _ROOMY

    @property
    def model(self) -> str:
        """What the table calls it."""
        return "open"


@dataclass(frozen=True, slots=True)
class Closed:
    """`users` that wait for their answers, started 1/`spawn_rate` apart; with `pacing_ns`, each on its own grid."""

    users: int
    spawn_rate: float
    pacing_ns: int | None = None

    @property
    def model(self) -> str:
        """What the table calls it."""
        return "closed" if self.pacing_ns is None else "paced"


Offer = Open | Closed


@dataclass(frozen=True, slots=True)
class Case:
    """`sentence` is what the case shows. `drops_within` is how far the number of drops may be from arithmetic."""

    name: str
    sentence: str
    behaviour: Behaviour
    offers: Sequence[Offer]
    drops_within: int = 0
    quantiles: Sequence[tuple[str, float]] = QUANTILES


def cases(rate: float, seconds: float) -> tuple[Case, ...]:
    """Every case at about `rate` requests a second over `seconds` compared seconds (after the warm-up)."""
    return (*_answers(rate), *_standstills(rate, seconds), *_failures(rate), *_queues(rate), *_demanding())


def _answers(rate: float) -> Iterable[Case]:
    constant = Behaviour((Step(5 * MS),))
    yield Case("constant", "every answer takes 5 ms", constant, _both(constant, rate))
    bimodal = Behaviour((Step(5 * MS, 49), Step(100 * MS, 1)))
    sentence = "one answer in 50 takes 100 ms, the others 5 ms: p95 must not see it, p99 must"
    yield Case("bimodal", sentence, bimodal, _both(bimodal, rate))
    staircase = Behaviour(_STAIRCASE)
    sentence = "seven steps from 1 ms to 200 ms, placed so that every percentile lies on a step of its own"
    yield Case("staircase", sentence, staircase, _both(staircase, rate))


def _standstills(rate: float, seconds: float) -> Iterable[Case]:
    standstill = Stall(WARMUP_NS + round(seconds * S / 2), 1 * S)
    stall = Behaviour((Step(20 * MS),), gap_ns=_gap_ns(5 * rate), stall=standstill)
    sentence = (
        "the server stands still for 1 s and then works off what has gathered; the closed model sees it once a "
        "user (coordinated omission), at p99.9 and not at p99, the open model at every arrival that was due meanwhile"
    )
    yield Case("stall", sentence, stall, _both(stall, rate))
    sentence = "users with a pace: response time counts what the stall kept them from starting, service time does not"
    yield Case("paced stall", sentence, stall, (_paced(rate, 50 * MS),))


def _failures(rate: float) -> Iterable[Case]:
    errors = Behaviour((Step(5 * MS),), error_every=20, error_ns=50 * MS)
    sentence = (
        "one answer in 20 is a status 500 after 50 ms: counted exactly, and not mixed into the latency of the good"
    )
    yield Case("errors", sentence, errors, _both(errors, rate))
    resets = Behaviour((Step(5 * MS),), reset_every=50)
    sentence = "one answer in 50 is a connection reset, in turn before any byte and half-way through: counted exactly"
    yield Case("resets", sentence, resets, _both(resets, rate))


def _queues(rate: float) -> Iterable[Case]:
    service_ns = _gap_ns(rate / 2)
    narrow = Behaviour((Step(service_ns),), gap_ns=service_ns)
    sentence = (
        "a server of half the rate, offered 1.2 times what it can do: the n-th answer is late by the whole backlog"
    )
    yield Case("capacity", sentence, narrow, (Open(0.6 * rate), _users(20, rate)))
    sentence = "the same with room for 100 in flight: what finds no room is dropped and counted"
    room = (Open(0.6 * rate, room=100),)
    yield Case("drops", sentence, narrow, room, drops_within=_drops_within(service_ns))


def _demanding() -> Iterable[Case]:
    yield Case("fast", "10,000/s, every answer takes 5 ms", Behaviour((Step(5 * MS),)), (Open(_FAST),))
    halting = Stall(WARMUP_NS + 2 * S, 200 * MS, every_ns=5 * S)
    stalls = Behaviour((Step(5 * MS),), gap_ns=_gap_ns(2.5 * _FAST), stall=halting)
    yield Case("stalls", "10,000/s, and the server stands still for 200 ms every 5 s", stalls, (Open(_FAST),))
    rare = Behaviour((Step(5 * MS, 4999), Step(100 * MS, 1)))
    sentence = "10,000/s, one answer in 5,000 takes 100 ms: p99.9 must not see it, p99.99 must"
    yield Case("rare", sentence, rare, (Open(_FAST),), quantiles=_RARE)


_STAIRCASE = (
    Step(1 * MS, 60),
    Step(2 * MS, 60),
    Step(5 * MS, 40),
    Step(10 * MS, 24),
    Step(20 * MS, 10),
    Step(50 * MS, 5),
    Step(200 * MS, 1),
)
"""Of 200: p50 on 2 ms (30-60%), p95 on 20 ms (92-97%), p99 on 50 ms (97-99.5%), p99.9 on 200 ms."""

_LATENESS_NS = 2 * MS


def _drops_within(service_ns: int) -> int:
    """Once the room is full the server never idles, so what is let in is the room plus what was answered until the last
    arrival, however late single arrivals were. Only the two ends blur: 2 ms each way, and one for rounding."""
    return 1 + math.ceil(2 * _LATENESS_NS / service_ns)


def _gap_ns(rate: float) -> int:
    return round(S / rate)


def _both(behaviour: Behaviour, rate: float) -> tuple[Offer, ...]:
    """The open model, and about as much from users: by Little's law, rate times the mean latency of them."""
    return Open(rate), _users(math.ceil(rate * behaviour.mean_ns / S), rate)


def _users(users: int, rate: float) -> Closed:
    return Closed(users, spawn_rate=rate)


def _paced(rate: float, pacing_ns: int) -> Closed:
    return Closed(math.ceil(rate * pacing_ns / S), spawn_rate=rate, pacing_ns=pacing_ns)

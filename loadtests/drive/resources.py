"""The target's own figures while the load runs: CPU and memory of its process, or what its metrics endpoint says."""

import asyncio
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Protocol

import psutil

from loadtests.plan.model import Target
from loadtests.result.run import ResourceSample

__all__ = ["ResourceSampler", "figures_of_exposition"]

_EVERY_S = 1.0
_FETCH_WITHIN_S = 0.9

Emit = Callable[[ResourceSample], None]

# Sums of exposition series that make one figure; the first name that is there wins.
_CPU_SECONDS = ("process_cpu_seconds_total", "container_cpu_usage_seconds_total")
_MEMORY = ("process_resident_memory_bytes", "container_memory_working_set_bytes", "netra_memory_usage_bytes")
_POOL_ACTIVE = ("netra_database_connections_active",)
_POOL_MAX = ("netra_database_connections_max",)
_LOCK_WAIT = ("netra_database_lock_wait_seconds",)

_QUEUE = ("queued", "running")


class _Source(Protocol):
    """Somewhere the target's figures come from."""

    async def read(self) -> Mapping[str, float]:
        """Figures of this moment; `cpu_seconds` is cumulative. Empty when nothing could be read."""

    async def close(self) -> None:
        """Let go of connections."""


class ResourceSampler:
    """Looks at the target and at this machine once a second, until cancelled."""

    def __init__(self, target: Target, scenario: str, emit: Emit, *, start_ns: int, queue: str | None = None) -> None:
        """`queue` is the URL of the status of an agents' queue."""
        self._scenario, self._emit, self._start_ns = scenario, emit, start_ns
        source = _source(target)
        self._sources: list[_Source] = [] if source is None else [source]
        self._sources += [] if queue is None else [_Queue(queue)]
        self._last: tuple[float, float] | None = None

    async def run(self) -> None:
        """Sample until cancelled."""
        psutil.cpu_percent()
        try:
            while True:
                await self._sample_target()
                self._send("generator", {"machine_cpu": psutil.cpu_percent() / 100, **_memory_in_use()})
                await asyncio.sleep(_EVERY_S)
        finally:
            for source in self._sources:
                await source.close()

    async def _sample_target(self) -> None:
        found = await asyncio.gather(*(source.read() for source in self._sources))
        read = {name: value for figures in found for name, value in figures.items()}
        cpu_seconds = read.pop("cpu_seconds", None)
        now = time.monotonic()
        if cpu_seconds is not None:
            if self._last is not None and cpu_seconds >= self._last[1]:
                read["cpu"] = (cpu_seconds - self._last[1]) / (now - self._last[0])
            self._last = (now, cpu_seconds)
        self._send("target", read)

    def _send(self, source: str, values: Mapping[str, float]) -> None:
        if values:
            at_s = (time.monotonic_ns() - self._start_ns) / 1e9
            self._emit(ResourceSample(self._scenario, max(0.0, at_s), source, values))


def figures_of_exposition(text: str) -> dict[str, float]:
    """The figures this suite knows, from a Prometheus exposition; a figure that is not there is left out."""
    from prometheus_client.parser import text_string_to_metric_families

    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0.0) + sample.value

    def first(names: tuple[str, ...]) -> float | None:
        return next((sums[name] for name in names if name in sums), None)

    active, most = first(_POOL_ACTIVE), first(_POOL_MAX)
    figures = {
        "cpu_seconds": first(_CPU_SECONDS),
        "memory_bytes": first(_MEMORY),
        "pool": active / most if active is not None and most else None,
        "lock_wait_s": first(_LOCK_WAIT),
    }
    return {name: value for name, value in figures.items() if value is not None}


def _source(target: Target) -> _Source | None:
    if target.process is not None:
        return _Process(target.process)
    return None if target.metrics is None else _Exposition(target.metrics)


class _Fetched(ABC):
    """A page of the target that says how it is."""

    def __init__(self, url: str) -> None:
        import httpx

        self._url = url
        self._client = httpx.AsyncClient(timeout=_FETCH_WITHIN_S)

    @abstractmethod
    def _figures(self, text: str) -> Mapping[str, float]:
        """What the page says; raises `ValueError` when it cannot be read."""

    async def read(self) -> Mapping[str, float]:
        import httpx

        try:
            answer = await self._client.get(self._url)
            answer.raise_for_status()
            return self._figures(answer.text)
        except (httpx.HTTPError, ValueError):
            return {}  # a threshold that needs the figure will have no data, and say so

    async def close(self) -> None:
        await self._client.aclose()


class _Exposition(_Fetched):
    """A metrics endpoint in the Prometheus text format."""

    def _figures(self, text: str) -> Mapping[str, float]:
        return figures_of_exposition(text)


class _Queue(_Fetched):
    """The status of an agents' queue: a JSON object of counts."""

    def _figures(self, text: str) -> Mapping[str, float]:
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("expected a JSON object")
        return {name: float(found[name]) for name in _QUEUE if isinstance(found.get(name), int | float)}


class _Process:
    """A local process, with its children, by process id or by name."""

    def __init__(self, which: int | str) -> None:
        self._which = which
        self._found: list[psutil.Process] = []

    async def read(self) -> Mapping[str, float]:
        try:
            if not self._found:
                self._found = _find(self._which)
            times = [process.cpu_times() for process in self._found]
            resident = [process.memory_info().rss for process in self._found]
        except psutil.Error:
            self._found = []
            return {}
        if not times:
            return {}
        return {"cpu_seconds": sum(t.user + t.system for t in times), "memory_bytes": float(sum(resident))}

    async def close(self) -> None:
        """Nothing is held."""


def _find(which: int | str) -> list[psutil.Process]:
    if isinstance(which, int):
        first = psutil.Process(which)
        return [first, *first.children(recursive=True)]
    return [process for process in psutil.process_iter(["name"]) if process.info["name"] == which]


def _memory_in_use() -> dict[str, float]:
    return {"machine_memory": psutil.virtual_memory().percent / 100}

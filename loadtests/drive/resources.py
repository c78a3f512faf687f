"""The target's own figures while the load runs: CPU and memory of its process, or what its metrics endpoint says."""

import asyncio
import time
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


class _Source(Protocol):
    """Somewhere the target's figures come from."""

    async def read(self) -> Mapping[str, float]:
        """Figures of this moment; `cpu_seconds` is cumulative. Empty when nothing could be read."""

    async def close(self) -> None:
        """Let go of connections."""


class ResourceSampler:
    """Looks at the target and at this machine once a second, until cancelled."""

    def __init__(self, target: Target, scenario: str, emit: Emit, *, start_ns: int) -> None:
        self._scenario, self._emit, self._start_ns = scenario, emit, start_ns
        self._source = _source(target)
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
            if self._source is not None:
                await self._source.close()

    async def _sample_target(self) -> None:
        if self._source is None:
            return
        read = dict(await self._source.read())
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


class _Exposition:
    """A metrics endpoint in the Prometheus text format."""

    def __init__(self, url: str) -> None:
        import httpx

        self._url = url
        self._client = httpx.AsyncClient(timeout=_FETCH_WITHIN_S)

    async def read(self) -> Mapping[str, float]:
        import httpx

        try:
            answer = await self._client.get(self._url)
            answer.raise_for_status()
            return figures_of_exposition(answer.text)
        except (httpx.HTTPError, ValueError):
            return {}  # a threshold that needs the figure will have no data, and say so

    async def close(self) -> None:
        await self._client.aclose()


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

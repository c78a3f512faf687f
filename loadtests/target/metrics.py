"""What the target measures of itself, under the names the guide gives, as a Prometheus exposition.

Labels are bounded: `endpoint` is the route's template, never the path as sent, and no metric carries a user. The
guide's `netra_customer_savings_total{user_id=…}` would grow one series per customer for ever; the sum by tier answers
the same questions, and the log has each user's figure. Counters end in `_total`, so the guide's
`netra_savings_calculation_errors` has it too. Buckets hold the limits the guide judges by (0.2, 1, 2 and 30 s), or its
quantiles could not be read exactly.

The guide names the request duration both with and without `netra_`; both are there, from one histogram.
Without a database its gauges have no sample: absent, not zero.
"""

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from loadtests.target.agents.faults import FATES
from loadtests.target.savings import OPTIMIZATIONS, Savings
from loadtests.target.users import TIERS

__all__ = ["AGENT_FAULTS", "DATABASE_FAULTS", "DURATION_BUCKETS", "SOCKET_FAULTS", "Metrics"]

DURATION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
SOCKET_FAULTS = {
    "refused": "socket_refuse",
    "dropped": "socket_drop",
    "silenced": "socket_silent",
    "delayed": "socket_delay",
    "lost": "socket_lose",
    "duplicated": "socket_duplicate",
    "reordered": "socket_reorder",
}
"""Label of a socket's fault in `netra_faults_injected`, by what came about."""
DATABASE_FAULTS = {
    "lock": "database_lock",
    "terminate": "database_terminate",
    "restart": "database_restart",
    "full": "database_full",
}
"""The same of the database's faults; statements that sleep are counted by the database itself."""
AGENT_FAULTS = tuple(f"agent_{fate}" for fate in FATES)
"""Labels of the faults of agents in `netra_faults_injected`."""
_STATUS_OF = {"failed": "failure", "timed_out": "timeout", "cancelled": "cancelled"}
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class Metrics:
    """One registry with every metric of the target; several can live in one process (tests)."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._of_request: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._of_execution: dict[tuple[str, str, str], tuple[Counter, Counter, Counter, Histogram]] = {}
        self._begun: dict[str, Counter] = {}
        self._http()
        self._agents()
        self._infrastructure()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def request(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """Count one answered request; `endpoint` is a route template."""
        key = (method, endpoint, status)
        found = self._of_request.get(key)
        if found is None:
            verb = method if method in _METHODS else "OTHER"
            found = self._requests.labels(verb, endpoint, str(status)), self._durations.labels(verb, endpoint)
            if verb == method:
                self._of_request[key] = found
        found[0].inc()
        found[1].observe(seconds)

    def executed(self, agent: str, seconds: float, savings: Savings) -> None:
        """Count one agent execution that completed, and what it saved."""
        found = self._of_execution.get(key := (agent, savings.optimization, savings.tier))
        if found is None:
            found = self._of_execution[key] = (
                self._completions.labels("success"),
                self._optimizations.labels(savings.optimization),
                self._savings.labels(savings.tier),
                self._execution_seconds.labels(agent),
            )
        completions, optimizations, dollars, durations = found
        completions.inc()
        optimizations.inc()
        dollars.inc(savings.cents / 100)
        durations.observe(seconds)

    def database_pool(self, active: Callable[[], float], most: int) -> None:
        """Show the pool of the database from now on: `active` is asked at each scrape."""
        self._pool_active.labels("netra").set_function(active)
        self._pool_max.labels("netra").set(most)

    def lock_wait(self, seconds: float | None) -> None:
        """Show how long sessions have been waiting for locks by now, on average; `None`: it cannot be known."""
        self._lock_wait.clear()
        if seconds is not None:
            self._lock_wait.labels("netra").set(seconds)

    def queried(self, kind: str, seconds: float) -> None:
        """Count one query of the backend's own."""
        self._queries.labels(kind).observe(seconds)

    def begun(self, agent: str) -> None:
        """Count one agent execution that begins."""
        found = self._begun.get(agent)
        if found is None:
            found = self._begun[agent] = self._executions.labels(agent)
        found.inc()

    def ended(self, agent: str, seconds: float, outcome: str) -> None:
        """Count one agent execution that ended without a result: failed, timed_out or cancelled."""
        self._completions.labels(_STATUS_OF[outcome]).inc()
        self._execution_seconds.labels(agent).observe(seconds)
        if outcome == "timed_out":
            self._timeouts.inc()
        if outcome == "failed":
            self._failures.inc()

    def provided(self, status: str, tokens: int, first_seconds: float | None) -> None:
        """Count one completion of the LLM provider; it has no first token when none came."""
        self._completed_by_llm.labels(status).inc()
        self._llm_tokens.inc(tokens)
        if first_seconds is not None:
            self._llm_first_seconds.observe(first_seconds)

    def phase(self, phase: str, seconds: float) -> None:
        """Count one phase of an execution."""
        self._phase_seconds.labels(phase).observe(seconds)

    def watch_agents(
        self, queued: Callable[[], float], running: Callable[[], float], workers: Callable[[], float]
    ) -> None:
        """Read these gauges whenever somebody asks."""
        self._queued.set_function(queued)
        self._running.set_function(running)
        self._workers.set_function(workers)

    def fault(self, fault: str) -> None:
        """Count one fault the dial injected; resets appear nowhere else, as they have no status."""
        self.faults.labels(fault).inc()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The page and its content type: OpenMetrics for who accepts it, else the plain text format."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def _http(self) -> None:
        self._requests = self._counter("http_requests", "Requests answered", "method", "endpoint", "status")
        self._durations = Histogram(
            "http_request_duration_seconds",
            "From the request's headers to its answer",
            ("method", "endpoint"),
            buckets=DURATION_BUCKETS,
            registry=self.registry,
        )
        self.registry.register(_Alias(self._durations, "netra_http_request_duration_seconds"))
        self.faults = self._counter("netra_faults_injected", "Faults the dial injected", "fault")
        agents_too = (*SOCKET_FAULTS.values(), *DATABASE_FAULTS.values(), *AGENT_FAULTS)
        for fault in ("delay", "error", "reset", *agents_too):
            self.faults.labels(fault)

    def _agents(self) -> None:
        self._executions = self._counter("netra_agent_executions", "Agent executions begun", "agent")
        self._completions = self._counter("netra_agent_completions", "Agent executions ended", "status")
        self._execution_seconds = Histogram(
            "netra_agent_execution_duration_seconds",
            "Duration of agent executions",
            ("agent",),
            buckets=DURATION_BUCKETS,
            registry=self.registry,
        )
        self._phase_seconds = Histogram(
            "netra_agent_phase_duration_seconds",
            "Duration of the phases of agent executions",
            ("phase",),
            buckets=DURATION_BUCKETS,
            registry=self.registry,
        )
        self._completed_by_llm = self._counter("netra_llm_requests", "Completions asked of the LLM provider", "status")
        for status in ("success", "failure"):
            self._completed_by_llm.labels(status)
        self._llm_tokens = self._counter("netra_llm_tokens", "Tokens the LLM provider sent")
        self._llm_first_seconds = Histogram(
            "netra_llm_first_token_seconds",
            "From the request to the LLM provider's first token",
            buckets=DURATION_BUCKETS,
            registry=self.registry,
        )
        self._queued = self._gauge("netra_agent_queue_length", "Agent executions that wait for a worker")
        self._running = self._gauge("netra_agent_executions_running", "Agent executions under way")
        self._workers = self._gauge("netra_agent_workers", "Agent executions that can be under way at once")
        self._timeouts = self._counter("netra_agent_timeouts", "Agent executions that ran into their time limit")
        self._failures = self._counter("netra_agent_failures", "Agent executions that failed")
        self._counter("netra_savings_calculation_errors", "Savings calculations that failed")
        self._savings = self._counter("netra_customer_savings", "Savings found for customers, in USD", "tier")
        self._optimizations = self._counter("netra_optimization_completions", "Optimisations completed", "type")
        for status in ("success", *_STATUS_OF.values()):
            self._completions.labels(status)
        for tier in TIERS:
            self._savings.labels(tier)
        for optimization in OPTIMIZATIONS:
            self._optimizations.labels(optimization)

    def _infrastructure(self) -> None:
        self.sockets_open = self._gauge("netra_websocket_connections_active", "Open WebSocket connections")
        self.sockets = self._counter("netra_websocket_connections", "WebSocket connections accepted")
        messages = self._counter(
            "netra_websocket_messages", "WebSocket messages, control frames not among them", "direction"
        )
        self.messages_in, self.messages_out = messages.labels("in"), messages.labels("out")
        self._pool_active = self._gauge("netra_database_connections_active", "Database connections in use", "database")
        self._pool_max = self._gauge(
            "netra_database_connections_max", "Database connections the pool may open", "database"
        )
        self._lock_wait = self._gauge(
            "netra_database_lock_wait_seconds", "Mean time that sessions now waiting for a lock have waited", "database"
        )
        self._queries = Histogram(
            "netra_database_query_duration_seconds",
            "Duration of database queries",
            ("query_type",),
            buckets=DURATION_BUCKETS,
            registry=self.registry,
        )
        process = psutil.Process()
        usage = self._gauge("netra_memory_usage_bytes", "Resident memory", "service")
        usage.labels("backend").set_function(lambda: process.memory_info().rss)
        limit = self._gauge("netra_memory_limit_bytes", "Memory the process may use", "service")
        limit.labels("backend").set(_memory_limit())

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(name, about, labels, registry=self.registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(name, about, labels, registry=self.registry)


class _Alias(Collector):
    """The samples of a histogram once more, under a second name."""

    def __init__(self, histogram: Histogram, name: str) -> None:
        self._histogram = histogram
        self._name = name

    def collect(self) -> Iterable[Metric]:
        for metric in self._histogram.collect():
            copy = Metric(self._name, metric.documentation, metric.type)
            copy.samples = [self._renamed(sample, metric.name) for sample in metric.samples]
            yield copy

    def _renamed(self, sample: Sample, old: str) -> Sample:
        return sample._replace(name=self._name + sample.name.removeprefix(old))


def _memory_limit() -> int:
    """The control group's limit where one is set, else the machine's memory, in bytes."""
    total = psutil.virtual_memory().total
    for path in _CGROUP_LIMITS:
        with contextlib.suppress(OSError, ValueError):
            return min(int(Path(path).read_text()), total)
    return total

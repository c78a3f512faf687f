"""The guide's clauses as a table: name, and what must hold. A report lists all of them, measured or not."""

from dataclasses import dataclass

__all__ = ["CATALOGUE", "Clause"]


@dataclass(frozen=True, slots=True)
class Clause:
    """One demand of the guide; `group` is the table it comes from."""

    name: str
    group: str
    demand: str


_LOAD = "Load profiles"
_BASE = "Baselines"
_SLO = "Service level objectives"

CATALOGUE = (
    Clause("LOAD-API", _LOAD, "1,000 users and 1,000 requests/s for 5 min: success ≥ 99%"),
    Clause("LOAD-WS", _LOAD, "500 WebSocket connections for 300 s: drops < 1%"),
    Clause("LOAD-DB", _LOAD, "5,000 queries/s for 600 s: achieved, p95 < 100 ms"),
    Clause("LOAD-AGENT", _LOAD, "50 agent executions at once, up to 30 s each: timeouts < 5%"),
    Clause("BASE-QPS", _BASE, "1,000 requests/s sustained per instance"),
    Clause("BASE-P50", _BASE, "response time p50 < 200 ms"),
    Clause("BASE-P95", _BASE, "response time p95 < 1 s"),
    Clause("BASE-P99", _BASE, "response time p99 < 2 s"),
    Clause("BASE-MEM", _BASE, "memory of the target < 2 GB"),
    Clause("BASE-CPU", _BASE, "CPU of the target < 70% of one instance"),
    Clause("BASE-DB-Q", _BASE, "database query p95 < 100 ms"),
    Clause("BASE-DB-POOL", _BASE, "database pool use < 80%"),
    Clause("BASE-DB-LOCK", _BASE, "mean lock wait < 50 ms"),
    Clause("BASE-AGENT-SIMPLE", _BASE, "simple agent executions p95 < 5 s"),
    Clause("BASE-AGENT-COMPLEX", _BASE, "complex agent executions p95 < 30 s"),
    Clause("BASE-AGENT-PARALLEL", _BASE, "at least 10 agent executions at once"),
    Clause("SLO-AVAIL", _SLO, "availability ≥ 99.9%"),
    Clause("SLO-P99", _SLO, "response time p99 < 2 s"),
    Clause("SLO-WS", _SLO, "WebSocket connect p95 < 500 ms, connection failures < 1%"),
    Clause("SLO-AGENT", _SLO, "agents end to end < 30 s, timeouts < 2%"),
    Clause("SLO-ACCURACY", _SLO, "data accuracy > 99.5%"),
    Clause("SLO-SAVINGS", _SLO, "savings calculation: 0 wrong or failed"),
)

"""The exposition has the names the guide gives, bounded labels, and true counts."""

from collections.abc import Callable

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from loadtests.target.backend import Backend

Ask = Callable[..., httpx.Response]
CATALOGUE = {
    "http_requests": "counter",
    "http_request_duration_seconds": "histogram",
    "netra_http_request_duration_seconds": "histogram",
    "netra_agent_execution_duration_seconds": "histogram",
    "netra_agent_executions": "counter",
    "netra_agent_completions": "counter",
    "netra_agent_timeouts": "counter",
    "netra_agent_failures": "counter",
    "netra_customer_savings": "counter",
    "netra_optimization_completions": "counter",
    "netra_savings_calculation_errors": "counter",
    "netra_faults_injected": "counter",
    "netra_websocket_connections_active": "gauge",
    "netra_database_connections_active": "gauge",
    "netra_database_connections_max": "gauge",
    "netra_database_query_duration_seconds": "histogram",
    "netra_memory_usage_bytes": "gauge",
    "netra_memory_limit_bytes": "gauge",
    "process_cpu_seconds": "counter",
    "process_resident_memory_bytes": "gauge",
    "process_open_fds": "gauge",
}


def families(ask: Ask) -> dict[str, object]:
    return {family.name: family for family in text_string_to_metric_families(ask("GET", "/metrics").text)}


def visit_everything(ask: Ask) -> None:
    for path in ("/health", "/nope/1", "/nope/2", "/api/threads/thread_1_1", "/api/threads/thread_1_2"):
        ask("GET", path)
    for user in (1, 99):
        ask("POST", "/api/agent/execute", json={"query": "cost", "user_id": user})


@pytest.mark.parametrize("name", CATALOGUE)
def test_metric_of_the_guide_is_exposed(ask: Ask, name: str) -> None:
    """By name and type, from the first scrape on."""
    assert families(ask)[name].type == CATALOGUE[name]


def test_every_counter_ends_in_total_and_no_sample_names_a_user(ask: Ask) -> None:
    """Naming as Prometheus lints it; no `_created` series; no label that grows with customers."""
    visit_everything(ask)
    for family in families(ask).values():
        for sample in family.samples:
            assert family.type != "counter" or sample.name.endswith("_total")
            assert not sample.name.endswith("_created")
            assert not set(sample.labels) & {"user_id", "user", "path", "thread_id", "trace_id"}


def test_endpoint_label_is_the_route_never_the_path(ask: Ask, backend: Backend) -> None:
    """Two threads are one series, two unknown paths another, odd methods a third."""
    visit_everything(ask)
    ask("BREW", "/health")
    labels = {(s.labels["method"], s.labels["endpoint"]) for s in families(ask)["http_requests"].samples}
    assert labels == {
        ("GET", "/health"),
        ("OTHER", "/health"),
        ("GET", "unmatched"),
        ("GET", "/api/threads/{id}"),
        ("POST", "/api/agent/execute"),
    }
    value = backend.metrics.registry.get_sample_value
    assert value("http_requests_total", {"method": "GET", "endpoint": "unmatched", "status": "404"}) == 2


def test_thousand_paths_and_users_add_no_series(ask: Ask) -> None:
    """The exposition does not grow with what is asked, only with what is served."""
    visit_everything(ask)
    before = sum(len(family.samples) for family in families(ask).values())
    for user in (101, 199, 301):
        ask("POST", "/api/agent/execute", json={"query": "cost", "user_id": user})
        ask("GET", f"/nope/{user}")
        ask("GET", f"/api/threads/thread_{user}_1")
    metrics_row = 1 + 2 * (15 + 2)
    assert sum(len(family.samples) for family in families(ask).values()) == before + metrics_row


@pytest.mark.parametrize("name", ["http_request_duration_seconds", "netra_agent_execution_duration_seconds"])
def test_buckets_hold_the_limits_the_guide_judges_by(ask: Ask, name: str) -> None:
    """0.2, 1, 2 and 30 s are bucket boundaries."""
    visit_everything(ask)
    edges = {sample.labels["le"] for sample in families(ask)[name].samples if "le" in sample.labels}
    assert edges >= {"0.2", "1.0", "2.0", "30.0", "+Inf"}


def test_both_names_of_the_request_duration_hold_the_same(ask: Ask) -> None:
    """The alias differs in its name only."""
    visit_everything(ask)
    found = families(ask)
    plain, alias = found["http_request_duration_seconds"], found["netra_http_request_duration_seconds"]
    assert [(s.name, s.labels, s.value) for s in alias.samples] == [
        (f"netra_{s.name}", s.labels, s.value) for s in plain.samples
    ]
    assert plain.samples


def test_savings_are_summed_by_tier_in_dollars(ask: Ask, backend: Backend) -> None:
    """User 1 is free and saves 6.06, user 99 enterprise and saves 8,940."""
    visit_everything(ask)
    value = backend.metrics.registry.get_sample_value
    assert value("netra_customer_savings_total", {"tier": "free"}) == pytest.approx(6.06)
    assert value("netra_customer_savings_total", {"tier": "enterprise"}) == pytest.approx(8_940)
    assert value("netra_customer_savings_total", {"tier": "mid"}) == 0
    assert value("netra_agent_executions_total", {"agent": "TriageSubAgent"}) == 2
    assert value("netra_agent_completions_total", {"status": "success"}) == 2
    assert value("netra_optimization_completions_total", {"type": "cost_reduction"}) == 2


def test_database_without_a_database_has_no_sample(ask: Ask) -> None:
    """Absent, not zero: a threshold on the pool then has no data and cannot pass."""
    found = families(ask)
    assert found["netra_database_connections_active"].samples == []
    assert found["netra_database_connections_max"].samples == []


def test_memory_and_cpu_are_those_of_this_process(ask: Ask, backend: Backend) -> None:
    """Figures a resource sampler can work with."""
    value = backend.metrics.registry.get_sample_value
    assert value("process_cpu_seconds_total") > 0
    resident = value("process_resident_memory_bytes")
    assert value("netra_memory_usage_bytes", {"service": "backend"}) == pytest.approx(resident, rel=0.1)
    assert value("netra_memory_limit_bytes", {"service": "backend"}) > resident


def test_injected_faults_are_counted(ask: Ask, backend: Backend) -> None:
    """Dialled errors and delays, also those whose answer has no status."""
    ask("PUT", "/api/admin/faults", json={"errors": "50%", "law": "1ms"})
    for _ in range(4):
        ask("GET", "/health")
    value = backend.metrics.registry.get_sample_value
    assert value("netra_faults_injected_total", {"fault": "error"}) == 2
    assert value("netra_faults_injected_total", {"fault": "delay"}) == 4
    assert value("http_requests_total", {"method": "GET", "endpoint": "/health", "status": "500"}) == 2


def test_openmetrics_is_served_to_who_accepts_it(ask: Ask) -> None:
    """Content negotiation as Prometheus does it."""
    reply = ask("GET", "/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert reply.headers["content-type"].startswith("application/openmetrics-text")
    assert reply.text.endswith("# EOF\n")
    assert ask("GET", "/metrics").headers["content-type"].startswith("text/plain; version=0.0.4")

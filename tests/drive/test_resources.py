"""The target's own figures: from a process, from a metrics endpoint, and absent when they cannot be had."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from loadtests.drive.resources import ResourceSampler, figures_of_exposition
from loadtests.plan.model import Target
from loadtests.result.run import ResourceSample

EXPOSITION = """# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 12.5
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 5e+07
# TYPE netra_database_connections_active gauge
netra_database_connections_active{database="postgres"} 15
# TYPE netra_database_connections_max gauge
netra_database_connections_max{database="postgres"} 20
"""


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        pytest.param(
            EXPOSITION,
            {"cpu_seconds": 12.5, "memory_bytes": 5e7, "pool": 0.75},
            id="cpu, memory and pool are known by their usual names",
        ),
        pytest.param("", {}, id="an empty exposition has no figures, not zeros"),
        pytest.param("netra_database_connections_active 3\n", {}, id="a pool without its size has no share"),
    ],
)
def test_figures_of_an_exposition(text: str, figures: dict[str, float]) -> None:
    """Prometheus names to the suite's own."""
    assert figures_of_exposition(text) == figures


def collect(target: Target, source: str, *, least: int = 1, queue: str | None = None) -> list[ResourceSample]:
    """Samples until there are so many of `source`."""
    samples: list[ResourceSample] = []

    async def run() -> None:
        sampler = ResourceSampler(target, "api", samples.append, start_ns=time.monotonic_ns(), queue=queue)
        task = asyncio.ensure_future(sampler.run())
        async with asyncio.timeout(20):
            while sum(sample.source == source for sample in samples) < least:
                await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    return samples


def test_a_local_process_is_sampled_by_its_id() -> None:
    """CPU share and resident memory of this very process."""
    target = [sample for sample in collect(Target(process=os.getpid()), "target", least=2) if sample.source == "target"]
    assert target[0].values["memory_bytes"] > 10e6
    assert 0 <= target[-1].values["cpu"] < 64


@pytest.fixture
def endpoint() -> Iterator[str]:
    """A metrics endpoint whose process uses half a core."""
    began = time.monotonic()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"process_cpu_seconds_total {(time.monotonic() - began) / 2}\n".encode()
            if self.path == "/queue":
                body = b'{"queued": 3, "running": 10, "completed": 7, "note": "x"}'
            if self.path == "/page":
                body = b"[1, 2]"
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/metrics"
        server.shutdown()
        thread.join()


def test_a_metrics_endpoint_gives_cpu_as_a_share_of_a_core(endpoint: str) -> None:
    """CPU seconds per second, from two scrapes."""
    shares = [s.values["cpu"] for s in collect(Target(metrics=endpoint), "target", least=3) if "cpu" in s.values]
    assert shares
    assert shares[-1] == pytest.approx(0.5, rel=0.2)


def test_the_queue_of_the_agents_is_looked_at_beside(endpoint: str) -> None:
    """What waits and what runs, in one sample with the target's other figures; a page without either says nothing."""
    base = endpoint.removesuffix("/metrics")
    samples = collect(Target(metrics=endpoint), "target", least=2, queue=f"{base}/queue")
    found = [sample.values for sample in samples if sample.source == "target"]
    assert (found[-1]["queued"], found[-1]["running"]) == (3.0, 10.0)
    assert "cpu" in found[-1]
    assert "completed" not in found[-1]
    assert not [s for s in collect(Target(), "generator", queue=f"{base}/page") if s.source == "target"]


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(Target(metrics="http://127.0.0.1:9/metrics"), id="nothing listens there"),
        pytest.param(Target(process="no-such-process-anywhere"), id="no process of that name"),
        pytest.param(Target(), id="nothing was asked for"),
    ],
)
def test_figures_that_cannot_be_had_are_absent(target: Target) -> None:
    """No sample, no zero: a threshold on it will have no data, and say so."""
    samples = collect(target, "generator")
    assert [sample for sample in samples if sample.source == "target"] == []
    assert [sample for sample in samples if sample.source == "generator"]

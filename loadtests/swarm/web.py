"""Locust's web interface over runs of ours: its figures come from our windows, its buttons start and stop them."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import gevent
from locust import stats
from locust.env import Environment
from locust.runners import STATE_RUNNING, STATE_STOPPED, MasterRunner
from locust.shape import LoadTestShape

from loadtests.result.window import Window
from loadtests.swarm.figures import report_of

__all__ = ["Master", "Web"]


class Master(MasterRunner):
    """Locust's master, whose tests are ours to run: `asked` is told when a person wants one started or stopped."""

    asked: Callable[[str], None] = staticmethod(lambda _: None)

    def start(self, *_: Any, **__: Any) -> None:
        """The start button."""
        self.asked("start")

    def start_shape(self) -> None:
        """The start button, of a test whose load is not for the person to choose."""
        self.asked("start")

    def stop(self, *_: Any, **__: Any) -> None:
        """The stop button; not what Locust itself thinks of workers that are missing."""
        if self.state == STATE_RUNNING and gevent.getcurrent() not in self.greenlet:
            self.asked("stop")


class _ThePlans(LoadTestShape):
    """The load is the plan's: the interface does not ask for users."""

    def tick(self) -> None:
        """Never asked."""


class Web:
    """The interface of a hub; what it shows is what is fed."""

    def __init__(self, environment: Environment, runner: Master, settings: Mapping[str, Any]) -> None:
        self._environment, self._runner = environment, runner
        environment.shape_class = _ThePlans()
        environment.host = settings["target"]
        environment.locustfile = settings["plan"]
        self._started_s = 0.0
        self._interface = environment.create_web_ui(settings["host"], settings["port"])
        gevent.spawn(stats.stats_history, runner)

    def begin(self) -> None:
        """A run begins: what the last one left is cleared away."""
        self._runner.stats.clear_all()
        self._started_s = time.time()
        self._runner.update_state(STATE_RUNNING)

    def over(self) -> None:
        """It has ended; its figures stay until the next."""
        for node in self._runner.clients.all:
            node.user_classes_count = {}
        self._runner.update_state(STATE_STOPPED)

    def feed(self, client: str, window: Window) -> None:
        """Show a window of that worker's."""
        report = report_of(window, started_s=self._started_s)
        if not window.generator.count("elapsed_ns"):  # only that of the process itself knows what is in flight
            node = self._runner.clients.get(client)
            report["user_classes_count"] = {} if node is None else dict(node.user_classes_count)
        self._environment.events.worker_report.fire(client_id=client, data=report)

    def close(self) -> None:
        """Serve no more."""
        self._interface.stop()

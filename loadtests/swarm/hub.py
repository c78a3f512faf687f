"""The master's Locust process: `python -m loadtests.swarm.hub`, told what to do and reporting through pipes.

    coordinator ▸ hub   hub {host, port, patience_s, web} · begin {} · over {} · parcel {digest, parcel} ·
                        job {worker, job} · tell {worker, engine, kind, payload}
    hub ▸ coordinator   open {port} · joined {…} · refused {…} · lost {…} · frame {worker, engine, kind, payload}
                        broken {reason} · asked {what}     a person wants a run to start, or to stop

It ends when its coordinator does, and dismisses the workers.
"""

import os
import signal
import socket
import time
from collections.abc import Mapping
from typing import Any

import gevent
from locust.env import Environment
from locust.event import Events

from loadtests.drive.parent import die_with_parent
from loadtests.drive.wire import next_frame
from loadtests.result.window import Window
from loadtests.swarm.framing import FrameWriter, opened
from loadtests.swarm.letters import TO_HUB
from loadtests.swarm.roster import Roster
from loadtests.swarm.web import Master, Web

__all__ = ["main"]

_TICK_S = 0.05
_FAREWELL_S = 0.3
_FLUSH_WITHIN_S = 5.0


def main() -> None:
    """Entry point of the process; returns when the coordinator has closed its end."""
    reports = FrameWriter(opened(os.dup(1), "wb"))
    os.dup2(2, 1)  # whatever Locust prints must not get between the frames
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the coordinator decides how a run ends
    die_with_parent()
    orders = opened(os.dup(0), "rb")
    first = next_frame(orders)
    if first is None:
        return
    reason = next(filter(None, map(_unusable, (first[1], first[1]["web"]))), None)
    if reason is not None:
        reports.put("broken", {"reason": reason})
        reports.close(_FLUSH_WITHIN_S)
        return
    hub = _Hub(first[1], reports)
    while (frame := next_frame(orders)) is not None:
        hub.order(*frame)
    hub.close()
    reports.close(_FLUSH_WITHIN_S)


def _unusable(place: Mapping[str, Any] | None) -> str | None:
    """Why nothing can be served at that host and port; `None` when it can. Locust itself would end without a word."""
    if place is None:
        return None
    host = "" if place["host"] == "*" else place["host"]
    try:
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, place["port"]))
    except OSError as error:
        return f"port {place['port']} of {place['host']}: {(error.strerror or str(error)).lower()}"
    return None


class _Hub:
    """Locust's master as the post office: what it carries is ours, and so is who counts as there."""

    def __init__(self, settings: Mapping[str, Any], reports: FrameWriter) -> None:
        environment = Environment(events=Events())
        self._reports = reports
        self._runner = Master(environment, settings["host"], settings["port"])
        environment.runner = self._runner
        self._web: Web | None = None
        if settings["web"] is not None:
            self._runner.asked = lambda what: reports.put("asked", {"what": what})
            self._web = Web(environment, self._runner, settings["web"])
        patience_ns = round(settings["patience_s"] * 1e9)
        self.roster = Roster(send=self._send, report=self._report, now=time.monotonic_ns, patience_ns=patience_ns)
        for letter in TO_HUB:
            self._runner.register_message(letter, self._received)
        self._ticker = gevent.spawn(self._tick)
        reports.put("open", {"port": self._runner.server.port})

    def order(self, kind: str, payload: Mapping[str, Any]) -> None:
        """What the coordinator wants."""
        if kind not in ("begin", "over"):
            self.roster.order(kind, payload)
        elif self._web is not None:
            (self._web.begin if kind == "begin" else self._web.over)()

    def close(self) -> None:
        """Send the workers home; letters are given a moment to leave."""
        self._ticker.kill()
        self.roster.dismiss_all("the run is over")
        gevent.sleep(_FAREWELL_S)
        self._runner.greenlet.kill(block=False)

    def _report(self, kind: str, data: dict[str, Any]) -> None:
        self._reports.put(kind, data)
        if self._web is not None and kind == "frame" and data["kind"] == "window":
            self._web.feed(data["client"], Window.from_wire(data["payload"]))

    def _send(self, client: str, kind: str, data: Mapping[str, Any]) -> None:
        self._runner.send_message(kind, dict(data), client)

    def _received(self, *, msg: Any, **_: Any) -> None:
        self.roster.receive(msg.node_id, msg.type, msg.data)

    def _tick(self) -> None:
        while True:
            self.roster.tick()
            gevent.sleep(_TICK_S)


if __name__ == "__main__":
    main()

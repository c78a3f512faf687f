"""The master's Locust process: `python -m loadtests.swarm.hub`, told what to do and reporting through pipes.

    coordinator ▸ hub   hub {host, port, patience_s} · parcel {digest, parcel} · job {worker, job} ·
                        tell {worker, engine, kind, payload}
    hub ▸ coordinator   open {port} · joined {…} · refused {…} · lost {…} · frame {worker, engine, kind, payload}
                        broken {reason}

It ends when its coordinator does, and dismisses the workers.
"""

import os
import signal
import time
from collections.abc import Mapping
from typing import Any

import gevent
from locust.env import Environment
from locust.event import Events
from locust.runners import MasterRunner

from loadtests.drive.parent import die_with_parent
from loadtests.drive.wire import next_frame
from loadtests.swarm.framing import FrameWriter, opened
from loadtests.swarm.letters import TO_HUB
from loadtests.swarm.roster import Roster

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
    try:
        hub = _Hub(first[1], reports)
    except SystemExit:  # Locust's way of saying so
        reports.put("broken", {"reason": f"port {first[1]['port']} of {first[1]['host']} is taken already"})
        reports.close(_FLUSH_WITHIN_S)
        return
    while (frame := next_frame(orders)) is not None:
        hub.roster.order(*frame)
    hub.close()
    reports.close(_FLUSH_WITHIN_S)


class _Hub:
    """Locust's master as the post office: what it carries is ours, and so is who counts as there."""

    def __init__(self, settings: Mapping[str, Any], reports: FrameWriter) -> None:
        environment = Environment(events=Events())
        self._runner: MasterRunner = environment.create_master_runner(settings["host"], settings["port"])
        patience_ns = round(settings["patience_s"] * 1e9)
        self.roster = Roster(send=self._send, report=reports.put, now=time.monotonic_ns, patience_ns=patience_ns)
        for letter in TO_HUB:
            self._runner.register_message(letter, self._received)
        self._ticker = gevent.spawn(self._tick)
        reports.put("open", {"port": self._runner.server.port})

    def close(self) -> None:
        """Send the workers home; letters are given a moment to leave."""
        self._ticker.kill()
        self.roster.dismiss_all("the run is over")
        gevent.sleep(_FAREWELL_S)
        self._runner.greenlet.kill(block=False)

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

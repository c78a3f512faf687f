"""The hub's list of workers: who is there, what their clocks show, what they have said, and when one is lost.

Pure of Locust and of sockets: `send` takes a letter to a worker (see `letters`), `report` takes what the coordinator is
told: `joined`, `refused`, `lost`, and `frame`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from loadtests.swarm.clocks import ClockTrack
from loadtests.swarm.delivery import Inbox
from loadtests.swarm.identity import mismatch
from loadtests.swarm.letters import ACK, DISMISSED, FRAMES, HELLO, JOB, LEAVING, PARCEL, PING, PONG, TELL, WELCOME

__all__ = ["Roster"]

_PING_EVERY_NS = 1_000_000_000
_FIRST_PINGS_EVERY_NS = 50_000_000

Send = Callable[[str, str, Mapping[str, Any]], None]
Report = Callable[[str, dict[str, Any]], None]


@dataclass(slots=True)
class _Member:
    """A worker that was accepted. `client` is Locust's name of it, `name` ours."""

    client: str
    name: str
    host: str
    pid: int
    processes: int
    heard_ns: int
    pinged_ns: int = 0
    announced: bool = False
    clock: ClockTrack = field(default_factory=ClockTrack)
    inbox: Inbox[list[Any]] = field(default_factory=Inbox)
    parcels: set[str] = field(default_factory=set)

    def described(self) -> str:
        return f"{self.name} ({self.host}, process {self.pid})"


class Roster:
    """All workers of a hub; one that has not answered for `patience_ns` is lost. To be `tick`ed every 50 ms or so."""

    def __init__(self, *, send: Send, report: Report, now: Callable[[], int], patience_ns: int) -> None:
        self._send, self._report, self._now = send, report, now
        self._patience_ns = patience_ns
        self._members: dict[str, _Member] = {}
        self._dismissed: dict[str, str] = {}
        self._joined = 0
        self._parcel: tuple[str, Mapping[str, Any]] | None = None

    def receive(self, client: str, kind: str, data: Mapping[str, Any]) -> None:
        """A letter has come from a worker."""
        if client in self._dismissed:
            self._send(client, DISMISSED, {"reason": self._dismissed[client]})
            return
        if kind == HELLO:
            self._hello(client, data)
            return
        member = self._members.get(client)
        if member is None:  # it will say hello again
            return
        member.heard_ns = self._now()
        if kind == PONG:
            self._pong(member, data)
        elif kind == FRAMES:
            self._frames(member, data)
        elif kind == LEAVING:
            self._lose(member, str(data["reason"]))

    def order(self, kind: str, data: Mapping[str, Any]) -> None:
        """What the coordinator wants: `parcel`, `job` for an engine process, or to `tell` one something."""
        if kind == "parcel":
            self._parcel = (data["digest"], data["parcel"])
            return
        member = next((member for member in self._members.values() if member.name == data["worker"]), None)
        if member is None:
            return
        if kind == "job":
            self._job(member, data)
        elif kind == "tell":
            self._tell(member, data)

    def tick(self) -> None:
        """Ping who is due, announce whose clock is known, and lose who is silent."""
        now = self._now()
        for member in list(self._members.values()):
            if now - member.heard_ns > self._patience_ns:
                self._lose(member, f"it did not answer for {self._patience_ns / 1e9:g} s")
                continue
            every = _PING_EVERY_NS if member.announced else _FIRST_PINGS_EVERY_NS
            if now - member.pinged_ns >= every:
                member.pinged_ns = now
                self._send(member.client, PING, {"token": now})

    def dismiss_all(self, reason: str) -> None:
        """Nobody is needed any more."""
        for member in list(self._members.values()):
            self._send(member.client, DISMISSED, {"reason": reason, "done": True})
        self._members.clear()

    def _hello(self, client: str, data: Mapping[str, Any]) -> None:
        reason = mismatch(data.get("identity"))
        if reason is not None:
            self._dismissed[client] = f"refused: {reason}"
            self._report("refused", {"host": str(data.get("host")), "pid": data.get("pid"), "reason": reason})
            self._send(client, DISMISSED, {"reason": self._dismissed[client]})
            return
        if client not in self._members:
            self._joined += 1
            name = f"worker-{self._joined}"
            self._members[client] = _Member(
                client, name, data["host"], data["pid"], data["processes"], heard_ns=self._now()
            )
        self._send(client, WELCOME, {"name": self._members[client].name})

    def _pong(self, member: _Member, data: Mapping[str, Any]) -> None:
        member.clock.note(data["token"], self._now(), data["worker_ns"])
        moved = member.clock.moved_ns()
        if moved is not None:
            self._lose(member, f"its clock moved by {moved / 1e9:+.3f} s against the master's")
        elif not member.announced and member.clock.known:
            member.announced = True
            best = member.clock.best
            assert best is not None
            self._report(
                "joined",
                {
                    "worker": member.name,
                    "described": member.described(),
                    "pid": member.pid,
                    "processes": member.processes,
                    "offset_ns": best.offset_ns,
                    "error_ns": best.error_ns,
                },
            )

    def _frames(self, member: _Member, data: Mapping[str, Any]) -> None:
        for engine, kind, payload in member.inbox.take(data["first"], data["frames"]):
            said = {"engine": engine, "kind": kind, "payload": payload}
            self._report("frame", {"worker": member.name, "client": member.client, **said})
        self._send(member.client, ACK, {"until": member.inbox.until})

    def _job(self, member: _Member, data: Mapping[str, Any]) -> None:
        assert self._parcel is not None
        digest, parcel = self._parcel
        if digest not in member.parcels:
            member.parcels.add(digest)
            self._send(member.client, PARCEL, {"parcel": parcel})
        self._send(member.client, JOB, {"digest": digest, "job": data["job"]})

    def _tell(self, member: _Member, data: Mapping[str, Any]) -> None:
        payload = dict(data["payload"])
        if data["kind"] == "start":  # the common instant, by the worker's own clock
            payload["at_ns"] += member.clock.agree().offset_ns
        self._send(member.client, TELL, {"engine": data["engine"], "kind": data["kind"], "payload": payload})

    def _lose(self, member: _Member, reason: str) -> None:
        """From now on its word does not count; should it still be there, it is told so and ends."""
        del self._members[member.client]
        self._dismissed[member.client] = f"{member.name} was given up: {reason}"
        self._send(member.client, DISMISSED, {"reason": self._dismissed[member.client]})
        self._report(
            "lost",
            {"worker": member.name, "described": member.described(), "reason": reason, "at_ns": self._now()},
        )

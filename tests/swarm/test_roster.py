"""Who counts as a worker: accepted, refused, lost, believed; on virtual time, with letters kept in a list."""

from typing import Any

import pytest

from loadtests.swarm.identity import identity
from loadtests.swarm.letters import ACK, DISMISSED, FRAMES, HELLO, JOB, LEAVING, PARCEL, PING, PONG, TELL, WELCOME
from loadtests.swarm.roster import Roster

SECOND = 1_000_000_000
MS = 1_000_000


class Hub:
    """A roster with a clock that is moved by hand; `ahead` is how far the workers' clocks are ahead of it."""

    def __init__(self) -> None:
        self.now = 0
        self.ahead = 3 * SECOND
        self.sent: list[tuple[str, str, Any]] = []
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.roster = Roster(
            send=lambda client, kind, data: self.sent.append((client, kind, data)),
            report=lambda kind, data: self.told.append((kind, data)),
            now=lambda: self.now,
            patience_ns=5 * SECOND,
        )

    def hello(self, client: str, **changes: Any) -> None:
        said = {"identity": identity(), "host": "vm", "pid": 7, "processes": 2, **changes}
        self.roster.receive(client, HELLO, said)

    def passes(self, seconds: float, *, answering: tuple[str, ...] = ()) -> None:
        """Time goes by in ticks; those who answer do so within 0.2 ms."""
        for _ in range(round(seconds * 20)):
            self.now += 50 * MS
            before = len(self.sent)
            self.roster.tick()
            for client, kind, data in self.sent[before:]:
                if kind == PING and client in answering:
                    self.now += 200_000
                    said = {"token": data["token"], "worker_ns": self.now - 100_000 + self.ahead}
                    self.roster.receive(client, PONG, said)

    def letters(self, client: str, kind: str) -> list[Any]:
        return [data for to, what, data in self.sent if (to, what) == (client, kind)]

    def news(self, kind: str) -> list[dict[str, Any]]:
        return [data for what, data in self.told if what == kind]


@pytest.fixture
def hub() -> Hub:
    """A hub whose only worker `a` has joined."""
    hub = Hub()
    hub.hello("a")
    hub.passes(1, answering=("a",))
    return hub


def test_a_worker_joins_once_its_clock_is_known(hub: Hub) -> None:
    """It is welcomed by name, and the coordinator learns its clock to within half a round trip."""
    assert hub.letters("a", WELCOME) == [{"name": "worker-1"}]
    (joined,) = hub.news("joined")
    assert joined["worker"] == "worker-1"
    assert joined["processes"] == 2
    assert abs(joined["offset_ns"] - 3 * SECOND) <= joined["error_ns"] <= MS


def test_saying_hello_twice_is_joining_once(hub: Hub) -> None:
    """The welcome may have been lost on the way."""
    hub.hello("a")
    hub.passes(1, answering=("a",))
    assert [data["name"] for data in hub.letters("a", WELCOME)] == ["worker-1", "worker-1"]
    assert len(hub.news("joined")) == 1


@pytest.mark.parametrize("theirs", [{"version": "0.0.1", "code": identity()["code"]}, {}, None, "no identity at all"])
def test_another_version_is_refused_in_words_on_both_sides(hub: Hub, theirs: object) -> None:
    """Both sentences name both versions; the worker never joins, whatever it says afterwards."""
    hub.hello("b", identity=theirs)
    (refused,), (dismissed,) = hub.news("refused"), hub.letters("b", DISMISSED)
    for sentence in (refused["reason"], dismissed["reason"]):
        assert f"the master {identity()['version']} (code {identity()['code']})" in sentence
    hub.roster.receive("b", FRAMES, {"first": 0, "frames": [["b.0", "window", {}]]})
    assert not hub.news("frame")
    assert len(hub.letters("b", DISMISSED)) == 2


def test_the_common_start_is_given_in_the_workers_own_clock(hub: Hub) -> None:
    """Its clock is 3 s ahead, so is the instant it is told."""
    hub.roster.order(
        "tell", {"worker": "worker-1", "engine": "worker-1.0", "kind": "start", "payload": {"at_ns": 9 * SECOND}}
    )
    (told,) = hub.letters("a", TELL)
    assert told["payload"]["at_ns"] == pytest.approx(12 * SECOND, abs=MS)


def test_the_plan_is_sent_once_before_the_first_job(hub: Hub) -> None:
    """Two engine processes, one parcel."""
    hub.roster.order("parcel", {"digest": "d", "parcel": {"document": {}}})
    for engine in ("worker-1.0", "worker-1.1"):
        hub.roster.order("job", {"worker": "worker-1", "job": {"process": engine}})
    kinds = [kind for client, kind, _ in hub.sent if kind in (PARCEL, JOB)]
    assert kinds == [PARCEL, JOB, JOB]


def test_frames_are_acknowledged_and_passed_on_once(hub: Hub) -> None:
    """The same letter twice is one frame, and two acknowledgements."""
    letter = {"first": 0, "frames": [["worker-1.0", "window", {"second": 1}]]}
    for _ in range(2):
        hub.roster.receive("a", FRAMES, letter)
    assert hub.news("frame") == [
        {"worker": "worker-1", "client": "a", "engine": "worker-1.0", "kind": "window", "payload": {"second": 1}}
    ]
    assert hub.letters("a", ACK) == [{"until": 1}, {"until": 1}]


def test_a_worker_that_falls_silent_is_lost_and_told_so(hub: Hub) -> None:
    """After five seconds without a word; should it come back, its word does not count any more."""
    hub.passes(3.9)
    assert not hub.news("lost")
    hub.passes(1.5)
    (lost,) = hub.news("lost")
    assert lost["worker"] == "worker-1"
    assert lost["reason"] == "it did not answer for 5 s"
    hub.roster.receive("a", FRAMES, {"first": 0, "frames": [["worker-1.0", "window", {}]]})
    assert not hub.news("frame")
    assert "given up" in hub.letters("a", DISMISSED)[-1]["reason"]


def test_a_worker_that_leaves_is_lost_with_its_own_reason(hub: Hub) -> None:
    """Its machine is shut down: it says so, nobody has to wait for its silence."""
    hub.roster.receive("a", LEAVING, {"reason": "it was stopped by SIGTERM"})
    assert [lost["reason"] for lost in hub.news("lost")] == ["it was stopped by SIGTERM"]


def test_a_clock_that_moves_during_the_run_loses_its_worker(hub: Hub) -> None:
    """Once a start was given in that clock, a jump of 0.4 s makes every second of its windows wrong."""
    start = {"worker": "worker-1", "engine": "worker-1.0", "kind": "start", "payload": {"at_ns": 0}}
    hub.roster.order("tell", start)
    hub.passes(3, answering=("a",))
    assert not hub.news("lost")
    hub.ahead -= 400 * MS
    hub.passes(2, answering=("a",))
    (lost,) = hub.news("lost")
    assert lost["reason"] == "its clock moved by -0.400 s against the master's"


def test_the_end_of_a_run_dismisses_everybody_as_done(hub: Hub) -> None:
    """That is no loss, and says so."""
    hub.roster.dismiss_all("the run is over")
    assert hub.letters("a", DISMISSED) == [{"reason": "the run is over", "done": True}]
    assert not hub.news("lost")

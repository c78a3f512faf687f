"""Whatever a network does to frames, they come out once each and in order."""

from hypothesis import given
from hypothesis import strategies as st

from loadtests.swarm.delivery import Inbox, Outbox

AGAIN_NS = 100


def test_what_is_not_acknowledged_in_time_is_sent_again() -> None:
    """Once sent it is not sent again at once; after the time it is, from the first that is missing."""
    outbox: Outbox[str] = Outbox(again_after_ns=AGAIN_NS)
    for frame in "abc":
        outbox.put(frame)
    assert list(outbox.batches(0)) == [(0, ["a", "b", "c"])]
    assert list(outbox.batches(AGAIN_NS - 1)) == []
    outbox.acknowledged(1, AGAIN_NS - 1)
    assert list(outbox.batches(2 * AGAIN_NS - 2)) == []
    assert list(outbox.batches(2 * AGAIN_NS - 1)) == [(1, ["b", "c"])]
    assert len(outbox) == 2


def test_frames_that_come_early_wait_for_those_before_them() -> None:
    """Nothing overtakes: a window is never passed on after its process's `done`."""
    inbox: Inbox[str] = Inbox()
    assert inbox.take(1, ["b"]) == []
    assert inbox.take(0, ["a"]) == ["a", "b"]
    assert inbox.take(0, ["a", "b", "c"]) == ["c"]
    assert inbox.until == 3


@given(
    frames=st.lists(st.integers(), max_size=300),
    fates=st.lists(st.sampled_from(["arrives", "is lost", "comes twice", "is late"]), max_size=60),
    acks_lost=st.lists(st.booleans(), max_size=60),
)
def test_every_frame_is_passed_on_once_and_in_order(frames: list[int], fates: list[str], acks_lost: list[bool]) -> None:
    """Batches are lost, doubled and overtaken, acknowledgements are lost; in the end all is there and kept no more."""
    outbox: Outbox[int] = Outbox(again_after_ns=AGAIN_NS)
    inbox: Inbox[int] = Inbox()
    came: list[int] = []
    late: list[tuple[int, list[int]]] = []
    waiting, fates, acks_lost, now = list(frames), list(fates), list(acks_lost), 0
    while waiting or len(outbox):
        now += AGAIN_NS
        for frame in waiting[:50]:
            outbox.put(frame)
        del waiting[:50]
        for batch in [*late, *outbox.batches(now)]:
            fate = fates.pop() if fates else "arrives"
            if batch in late:
                late.remove(batch)
            elif fate == "is late":
                late.append(batch)
                continue
            for _ in range({"is lost": 0, "comes twice": 2}.get(fate, 1)):
                came += inbox.take(*batch)
        if not (acks_lost and acks_lost.pop()):
            outbox.acknowledged(inbox.until, now)
    assert came == frames

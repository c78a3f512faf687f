"""Doing once, before a run, what in the load loop would be slow the first time."""

from loadtests.drive.recorder import GENERATOR, Recorder

__all__ = ["rehearse"]

_NS = 1_000_000_000


def rehearse() -> None:
    """Record and give out a little of everything once, so that the first time in earnest is not a cold one.

    The first use of each numpy routine takes about a millisecond, which in the load loop would be start lag.
    """
    recorder = Recorder("rehearsal", "0", emit=lambda _: None, sample=lambda _: None)
    recorder.begin(0)
    for name in (GENERATOR, "work"):
        tape = recorder.tape(name)
        for at in range(0, 3 * _NS, _NS // 100):
            tape.started(at)
            tape.fired(at)
            tape.ok(at, at, at + at // 10)
            tape.failed("rehearsed", at, at, at + 1)
            tape.measure("rehearsed")(at, at)
    recorder.close()

"""Frames between coordinator and engine processes."""

import asyncio

import pytest

from loadtests.drive.wire import Job, encode, read_frame


def read_all(data: bytes) -> list[tuple[str, dict[str, object]]]:
    async def run() -> list[tuple[str, dict[str, object]]]:
        stream = asyncio.StreamReader()
        stream.feed_data(data)
        stream.feed_eof()
        found = []
        while (frame := await read_frame(stream)) is not None:
            found.append(frame)
        return found

    return asyncio.run(run())


def test_frames_come_out_as_they_went_in() -> None:
    """Text, numbers, bytes, nesting and integer keys survive."""
    payload = {"a": 1, "b": [b"\x00\xff", "ü"], "c": {"d": None, "e": 2**40}}
    assert read_all(encode("window", payload) + encode("done", {})) == [("window", payload), ("done", {})]


@pytest.mark.parametrize("cut", [1, 3, 4, 5, 10])
def test_a_peer_that_dies_within_a_frame_loses_only_that_frame(cut: int) -> None:
    """What arrived whole is kept; the torn rest is the end of the stream."""
    whole = encode("window", {"n": 1})
    assert read_all(whole + encode("window", {"n": 2})[:cut]) == [("window", {"n": 1})]


def test_a_job_survives_the_pipe() -> None:
    """The engine process gets what the coordinator meant."""
    job = Job({"version": 1}, "plan.yaml", "api", process="2", shard=2, shards=4, search_path=["."])
    assert Job.from_wire(job.to_wire()) == job

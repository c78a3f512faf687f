"""One engine process: `python -m loadtests.drive.process`, told what to do through stdin, reporting through stdout.

It shares its interpreter with nothing but the load loop. It ends when its coordinator does.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from loadtests.clock import LoopClock
from loadtests.drive.drivers import make_driver
from loadtests.drive.drivers.base import Surroundings
from loadtests.drive.engine import Engine
from loadtests.drive.parent import die_with_parent
from loadtests.drive.recorder import Recorder
from loadtests.drive.rehearsal import rehearse
from loadtests.drive.wire import Job, encode, read_frame
from loadtests.errors import GeneratorFault, LoadtestsError
from loadtests.plan.loader import plan_from_document

__all__ = ["guarded", "main"]

T = TypeVar("T")


def main() -> None:
    """Entry point of the process; returns when the run is over or the coordinator has gone."""
    frames = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a journey prints must not get between the frames
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the coordinator decides how a run ends
    die_with_parent()
    import uvloop

    uvloop.run(_serve(frames))


async def _serve(frames: Any) -> None:
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    out, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, frames)

    def send(kind: str, payload: dict[str, Any]) -> None:
        out.write(encode(kind, payload))

    first = await read_frame(orders)
    if first is None:
        return
    try:
        await _work(Job.from_wire(first[1]), orders, send)
    except LoadtestsError as error:
        send("broken", {"error": type(error).__name__, "arguments": list(error.args), "reason": str(error)})
    while out.get_write_buffer_size():
        await asyncio.sleep(0.005)
    out.close()


async def _work(job: Job, orders: asyncio.StreamReader, send: Any) -> None:
    sys.path[:0] = job.search_path
    plan = plan_from_document(job.document, source=job.source)
    scenario = plan.scenarios[job.scenario]
    recorder = Recorder(
        scenario.name,
        job.process,
        emit=lambda window: send("window", window.to_wire()),
        sample=lambda failure: send("failure", asdict(failure)),
    )
    clock = LoopClock(asyncio.get_running_loop())
    driver = make_driver(Surroundings(scenario, plan.target, recorder, clock, plan.secrets, job.shard, job.shards))
    await driver.open()
    engine = Engine(scenario, driver, shard=job.shard, shards=job.shards)
    rehearse()
    send("ready", {})
    start = await read_frame(orders)
    if start is None or start[0] != "start":
        await driver.close()
        return
    gc.collect()
    gc.freeze()  # what the set-up made is never looked at again
    gc.set_threshold(50_000, 20, 100)
    listener = asyncio.ensure_future(_listen(orders, engine))
    end = await guarded(engine.run(start[1]["at_ns"]))
    listener.cancel()
    clock.close()
    send("done", {**asdict(end), "faults": recorder.faults})


async def guarded(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, or `GeneratorFault` as soon as any callback of the loop has raised: a bug of ours.

    Without this a raising callback would end the arrivals without a word.
    """
    loop = asyncio.get_running_loop()
    broken: asyncio.Future[dict[str, Any]] = loop.create_future()

    def unhandled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        loop.default_exception_handler(context)
        if not broken.done():
            broken.set_result(context)

    loop.set_exception_handler(unhandled)
    task = asyncio.ensure_future(work)
    either: list[asyncio.Future[Any]] = [task, broken]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        return task.result()
    task.cancel()
    context = broken.result()
    raise GeneratorFault(f"internal error in the load loop: {context.get('exception') or context['message']!r}")


async def _listen(orders: asyncio.StreamReader, engine: Engine) -> None:
    """Stop the engine on order, or when the coordinator has gone."""
    await read_frame(orders)
    engine.stop()


if __name__ == "__main__":
    sys.path[0] = str(Path.cwd())
    main()

"""The same streams read by httpx, which records nothing but when tokens came: `… URL STREAMS SECONDS`; prints JSON."""

import asyncio
import json
import resource
import sys
import time

import httpx
import numpy as np
import uvloop

__all__ = ["main"]

_BODY = {"query": "reduce cost", "user_id": "7", "stream": True}


async def _stream(client: httpx.AsyncClient, url: str, until: float, came: list[list[int]]) -> None:
    while time.monotonic() < until:
        times: list[int] = []
        async with client.stream("POST", url, json=_BODY) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("event: token"):
                    times.append(time.monotonic_ns())
        came.append(times)


async def _read(url: str, streams: int, seconds: float) -> list[list[int]]:
    came: list[list[int]] = []
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=None, limits=limits) as client:
        until = time.monotonic() + seconds
        await asyncio.gather(*(_stream(client, url, until, came) for _ in range(streams)))
    return came


def main() -> None:
    """Read, and say what that took."""
    came = uvloop.run(_read(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
    used = resource.getrusage(resource.RUSAGE_SELF)
    gaps = np.concatenate([np.diff(times) for times in came])
    found = {
        "events": sum(map(len, came)),
        "cpu_s": used.ru_utime + used.ru_stime,
        "gap_p99_ns": float(np.quantile(gaps, 0.99)),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()

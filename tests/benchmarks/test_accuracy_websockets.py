"""The WebSocket truth server does what it counts, and every case is a plan that loads."""

import asyncio
import json
from pathlib import Path

import pytest
import websockets

from benchmarks.accuracy.experiment import truth_server
from benchmarks.accuracy.ledger import Ledger
from benchmarks.accuracy.websocket_behaviour import WebsocketBehaviour, hit
from benchmarks.accuracy.websockets import CASES, SocketCase, plan_text
from loadtests.plan.loader import load_plan


def test_every_kth_is_hit_from_the_kth_on() -> None:
    assert [index for index in range(10) if hit(index, 4)] == [3, 7]
    assert not any(hit(index, None) for index in range(10))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_case_is_a_plan(case: SocketCase, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(plan_text(case, port=1))
    assert load_plan(tmp_path / "plan.yaml").scenarios["truth"].driver == "websocket"
    assert WebsocketBehaviour.from_wire(json.loads(json.dumps(case.behaviour.to_wire()))) == case.behaviour


async def _talk(url: str, messages: int) -> list[str]:
    """What comes back for that many numbered messages, one after the other."""
    found = []
    async with websockets.connect(url, compression=None) as connection:
        for number in range(messages):
            await connection.send(str(number))
            try:
                while True:
                    found.append(str(await asyncio.wait_for(connection.recv(), 0.05)))
            except TimeoutError:
                continue
    return found


def test_the_server_counts_what_it_does(tmp_path: Path) -> None:
    """Of ten messages one in three is lost, and the one with number 24 modulo 25 would be doubled."""
    ledger = tmp_path / "ledger.npz"
    behaviour = WebsocketBehaviour(lose_every=3, duplicate_every=25)
    with truth_server("websocket_server", behaviour.to_wire(), ledger) as port:
        came = asyncio.run(_talk(f"ws://127.0.0.1:{port}/", 26))
    counts = json.loads(ledger.with_suffix(".json").read_text())
    assert counts == {"refused": 0, "lost": 8, "duplicated": 1, "accepted": 1, "messages": 26}
    assert came == [str(n) for n in range(26) if n % 3 != 2 for _ in range(2 if n == 24 else 1)]
    assert len(Ledger.load(ledger).sent_ns) == 26

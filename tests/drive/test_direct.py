"""Writing past the event loop: what the kernel does not take at once comes later, and in order."""

import asyncio
import socket

import pytest
import uvloop

from loadtests.drive.drivers.direct import DirectProtocol

LARGE = b"".join(number.to_bytes(4, "big") for number in range(200_000))


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_what_is_written_behind_a_full_socket_stays_behind(run) -> None:  # type: ignore[no-untyped-def]
    """Though the socket has room again before the loop has had a turn; once all is out it is written to directly."""

    async def test() -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        protocol = DirectProtocol()
        transport, _ = await loop.create_connection(lambda: protocol, sock=ours)
        try:
            protocol.attach(transport, secure=False)
            await write_and_read(protocol, theirs)
        finally:
            transport.abort()
            theirs.close()
            await asyncio.sleep(0)

    run(test())


async def write_and_read(protocol: DirectProtocol, theirs: socket.socket) -> None:
    protocol.write(LARGE)
    assert protocol.transport.get_write_buffer_size() > 0, "the socket took it all: nothing is tested"
    received = theirs.recv(len(LARGE))  # now the socket has room, but the rest is not in it yet
    protocol.write(b"behind")
    async with asyncio.timeout(10):
        while len(received) < len(LARGE) + 6:
            received += await asyncio.get_running_loop().sock_recv(theirs, 1 << 20)
    in_order = received == LARGE + b"behind"  # pytest would compare these 800 kB for minutes
    assert in_order, f"it came {len(received) - received.find(b'behind')} bytes before the end"
    protocol.write(b"at once")
    assert theirs.recv(100) == b"at once", "before the loop had a turn"

"""Writing past the event loop: what the kernel does not take at once comes later, and in order."""

import asyncio
import select
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


class _Hearing(DirectProtocol):
    """Notes what it is told, and how it ends."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = b""
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.attach(transport, secure=False)

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, error: Exception | None) -> None:
        self.detach()
        self.over.set_result(error)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_the_last_word_of_a_peer_that_broke_off_is_heard(run) -> None:  # type: ignore[no-untyped-def]
    """Though something was written to it meanwhile, which is how the break is noticed first."""

    async def test() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        with listener:
            _, protocol = await asyncio.get_running_loop().create_connection(_Hearing, *listener.getsockname())
            theirs, _ = listener.accept()
            protocol.write(b"a question it never reads, so that it resets the connection")
            theirs.sendall(b"going down")
            theirs.close()
            broken = select.poll()
            broken.register(protocol.transport.get_extra_info("socket").fileno(), select.POLLERR)
            assert broken.poll(10_000), "nothing broke: nothing is tested"
            protocol.write(b"another question")
            async with asyncio.timeout(10):
                await protocol.over
        assert protocol.heard == b"going down"

    run(test())

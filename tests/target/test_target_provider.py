"""The stub provider and the target's client of it: over real sockets in one loop, and the client at every boundary."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from loadtests.law import parse_law
from loadtests.target.provider.client import Provider, ProviderFailed, Stream
from loadtests.target.provider.dialled import Dialled
from loadtests.target.provider.process import serving

IDS = {"trace_id": "a" * 32, "span_id": "b" * 16}
NOW = parse_law("0")


def asked(content: str = "one two three", *, tokens: int = 5, **faults: Any) -> dict[str, Any]:
    """A request for a completion without delay."""
    dialled = Dialled(NOW, NOW, **faults).document()
    message = {"role": "user", "content": content}
    return {"model": "stub", "messages": [message], "stream": True, "max_tokens": tokens, "dialled": dialled}


async def tokens_of(stream: Stream) -> list[str]:
    tokens = []
    while (token := await stream.token()) is not None:
        tokens.append(token)
    return tokens


def ask_stub(ask: Callable[[httpx.AsyncClient], Coroutine[Any, Any, httpx.Response]]) -> httpx.Response:
    async def scene() -> httpx.Response:
        async with serving() as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            return await ask(client)

    return asyncio.run(scene())


def test_any_openai_client_can_talk_to_the_stub() -> None:
    """Without the stub's own member: 32 words that begin with the last message, in one piece."""
    messages = [{"role": "system", "content": "x"}, {"role": "user", "content": "Hello there"}]
    reply = ask_stub(lambda client: client.post("/v1/chat/completions", json={"model": "any", "messages": messages}))
    document = reply.json()
    (choice,) = document["choices"]
    assert document["object"] == "chat.completion"
    assert choice["message"]["content"].startswith("Hello there the reviewed ")
    assert (choice["finish_reason"], document["usage"]["completion_tokens"]) == ("stop", 32)


def test_stream_of_the_stub_is_chunks_and_done() -> None:
    """The role with the first token, the reason and the usage with the last."""
    reply = ask_stub(lambda client: client.post("/v1/chat/completions", json=asked(tokens=3)))
    *events, done, rest = reply.text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": "one "},
        {"content": "two "},
        {"content": "three "},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, "stop"]
    assert chunks[-1]["usage"] == {"completion_tokens": 3}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"messages": []}',
        b'{"messages": [{"content": "x"}], "max_tokens": 0}',
        b'{"messages": [{"content": "x"}], "dialled": {"first": "fast"}}',
    ],
)
def test_stub_refuses_what_is_no_request(body: bytes) -> None:
    """400 with an error of the OpenAI shape; other paths are 404, health is served."""
    reply = ask_stub(lambda client: client.post("/v1/chat/completions", content=body))
    assert reply.status_code == 400
    assert reply.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(("path", "status"), [("/health", 200), ("/v1/models", 404)])
def test_stub_has_few_other_answers(path: str, status: int) -> None:
    """Health, and nothing else."""
    assert ask_stub(lambda client: client.get(path)).status_code == status


def test_client_reads_the_tokens_and_keeps_its_connection() -> None:
    """Twenty completions one after the other over one connection; two at once take two."""

    async def scene() -> None:
        async with serving() as port:
            provider = Provider(("127.0.0.1", port))
            streams = set()
            for _ in range(20):
                async with provider.completion(asked(), **IDS) as stream:
                    assert await tokens_of(stream) == ["one ", "two ", "three ", "the ", "reviewed "]
                    streams.add(stream)
            assert len(streams) == 1
            async with provider.completion(asked(), **IDS) as one, provider.completion(asked(), **IDS) as two:
                assert one is not two
                assert await tokens_of(one) == await tokens_of(two)
            provider.close()

    asyncio.run(scene())


def test_failure_of_the_provider_is_a_sentence_and_not_the_end() -> None:
    """A dialled status, a completion left in its middle: the next one works."""

    async def scene() -> None:
        async with serving() as port:
            provider = Provider(("127.0.0.1", port))
            with pytest.raises(ProviderFailed, match="the provider answered 429"):
                async with provider.completion(asked(status=429), **IDS) as stream:
                    await stream.token()
            async with provider.completion(asked(endless=True), **IDS) as stream:
                await stream.token()
            assert not stream.reusable
            async with provider.completion(asked(tokens=1), **IDS) as stream:
                assert await tokens_of(stream) == ["one "]
            provider.close()

    asyncio.run(scene())


def test_provider_that_cannot_be_reached_is_a_sentence() -> None:
    """Nobody listens, or nobody is attached."""

    async def ask(provider: Provider) -> None:
        async with provider.completion(asked(), **IDS):
            pass

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(ProviderFailed, match="the provider cannot be reached: "):
            asyncio.run(ask(Provider(bound.getsockname())))
    with pytest.raises(ProviderFailed, match="no provider is attached"):
        asyncio.run(ask(Provider()))


def test_who_does_not_read_stops_only_its_own_tokens() -> None:
    """An endless completion without pause that nobody takes: what gathers is bounded, and goes on when it is read."""

    async def scene() -> None:
        async with serving() as port:
            provider = Provider(("127.0.0.1", port))
            async with provider.completion(asked("x" * 3_000, tokens=1, endless=True), **IDS) as idle:
                gathered = -1
                while gathered != len(idle._tokens):
                    gathered = len(idle._tokens)
                    await asyncio.sleep(0.05)
                    async with provider.completion(asked(), **IDS) as other:
                        assert len(await tokens_of(other)) == 5
                assert 1_000 < gathered < 5_000
                for _ in range(3 * gathered):
                    assert await idle.token()
            provider.close()

    asyncio.run(scene())


HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(event: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(event), event)


WORDS = [b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % word for word in ("ä ".encode(), b"b ", b"")]
WHOLE = HEAD + b"".join(map(chunk, WORDS)) + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


@asynccontextmanager
async def answering(*pieces: bytes) -> AsyncIterator[tuple[Provider, list[bytes]]]:
    """A provider that answers every request with these pieces and then closes; what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"}}"))
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Provider(server.sockets[0].getsockname()), asked


def read(*pieces: bytes) -> tuple[list[str], list[bytes]]:
    async def scene() -> tuple[list[str], list[bytes]]:
        async with answering(*pieces) as (provider, seen), provider.completion(asked(), **IDS) as stream:
            return await tokens_of(stream), seen

    return asyncio.run(scene())


def test_client_reads_a_stream_cut_at_any_place() -> None:
    """Every byte by itself, and every cut into two; the trace goes along."""
    tokens, seen = read(*(WHOLE[place : place + 1] for place in range(len(WHOLE))))
    assert tokens == ["ä ", "b "]
    assert b"\r\ntraceparent: 00-%b-%b-01\r\n" % (b"a" * 32, b"b" * 16) in seen[0]

    async def cuts() -> None:
        for place in range(1, len(WHOLE), 7):
            async with (
                answering(WHOLE[:place], WHOLE[place:]) as (provider, _),
                provider.completion(asked(), **IDS) as stream,
            ):
                assert await tokens_of(stream) == ["ä ", "b "]

    asyncio.run(cuts())


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        pytest.param(HEAD + chunk(WORDS[0]), "broke off", id="cut in the middle"),
        pytest.param(b"", "broke off", id="no answer"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", "is no HTTP", id="another protocol"),
        pytest.param(HEAD + chunk(b"data: {\n\n"), "no completion chunk", id="no JSON"),
        pytest.param(HEAD + chunk(b'data: {"choices":[]}\n\n'), "no completion chunk", id="no choice"),
        pytest.param(b"HTTP/1.1 500 No\r\ncontent-length: 2\r\n\r\n{}", "answered 500", id="an error"),
    ],
)
def test_answer_that_is_no_completion_fails_with_a_sentence(answer: bytes, sentence: str) -> None:
    """Whatever the provider sends."""
    with pytest.raises(ProviderFailed, match=sentence):
        read(answer)

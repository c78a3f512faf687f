"""Load goes to loopback and to what the plan lists, judged by the resolved addresses."""

import asyncio
import socket

import pytest

from loadtests.drive.allow import host_listed, permitted
from loadtests.errors import HostNotAllowed, TargetUnreachable
from loadtests.plan.model import Target

NAMES = {
    "api.test": ["10.1.2.3"],
    "both.test": ["127.0.0.1", "10.1.2.3"],
    "six.test": ["fd00::7"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "outside.test": ["::ffff:8.8.8.8"],
    "any.test": ["0.0.0.0"],
}


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver of our own for `.test`."""
    real = asyncio.BaseEventLoop.getaddrinfo

    async def getaddrinfo(loop: asyncio.BaseEventLoop, host: str, port: object, **how: int) -> object:
        if host in NAMES:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in NAMES[host]]
        return await real(loop, host, port, **how)

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)


ALLOWED = [
    pytest.param("http://127.0.0.1:80", (), ["127.0.0.1"], id="loopback"),
    pytest.param("http://127.9.9.9", (), ["127.9.9.9"], id="all of 127/8 is loopback"),
    pytest.param("https://[::1]:8443/x", (), ["::1"], id="IPv6 loopback"),
    pytest.param("http://mapped.test", (), ["::ffff:127.0.0.1"], id="loopback mapped into IPv6"),
    pytest.param("http://api.test", ("api.test",), ["10.1.2.3"], id="a listed name"),
    pytest.param("http://API.Test.", ("api.test.",), ["10.1.2.3"], id="case and the final dot do not count"),
    pytest.param("http://api.test", ("*.test",), ["10.1.2.3"], id="a name below a listed one"),
    pytest.param("http://api.test", ("10.1.2.3",), ["10.1.2.3"], id="a listed address"),
    pytest.param("http://api.test", ("10.0.0.0/8",), ["10.1.2.3"], id="a listed network"),
    pytest.param("http://six.test", ("fd00::/8",), ["fd00::7"], id="a listed IPv6 network"),
    pytest.param("http://[fd00::7]/", ("[fd00::7]",), ["fd00::7"], id="a listed IPv6 address, in brackets"),
    pytest.param("http://both.test", ("10.1.2.3",), ["127.0.0.1", "10.1.2.3"], id="loopback and a listed address"),
]

REFUSED = [
    pytest.param("http://10.1.2.3", (), "10.1.2.3", id="an address"),
    pytest.param("http://api.test", (), "10.1.2.3", id="a name that leads outside"),
    pytest.param("http://api.test", ("test", "other.test"), "10.1.2.3", id="a list of others"),
    pytest.param("http://api.test", ("*.api.test",), "10.1.2.3", id="*. does not cover the name itself"),
    pytest.param("http://both.test", (), "10.1.2.3", id="a name of which one address leads outside"),
    pytest.param("http://outside.test", ("127.0.0.1",), "::ffff:8.8.8.8", id="an outside address mapped into IPv6"),
    pytest.param("http://any.test", (), "0.0.0.0", id="the unspecified address"),
]


def addresses(url: str, allow: tuple[str, ...]) -> list[str]:
    return asyncio.run(permitted(url, Target(allow=allow)))


@pytest.mark.parametrize(("url", "allow", "expected"), ALLOWED)
def test_allowed(url: str, allow: tuple[str, ...], expected: list[str]) -> None:
    """The addresses to connect to are given back, so that nothing is resolved twice."""
    if url == "http://API.Test.":
        NAMES["api.test."] = NAMES["api.test"]
    assert addresses(url, allow) == expected


@pytest.mark.parametrize(("url", "allow", "address"), REFUSED)
def test_refused(url: str, allow: tuple[str, ...], address: str) -> None:
    """The error names the host, the address that is in the way, and the list."""
    with pytest.raises(HostNotAllowed) as caught:
        addresses(url, allow)
    assert (caught.value.address, caught.value.allowed) == (address, allow)
    assert "target.allow" in str(caught.value)


def test_a_name_without_addresses() -> None:
    """Not a question of permission."""
    with pytest.raises(TargetUnreachable, match=r"nowhere\.invalid.*does not resolve"):
        addresses("http://nowhere.invalid/", ())


@pytest.mark.parametrize(
    ("host", "listed"),
    [("a.example.com", True), ("a.b.example.com", True), ("example.com", False), ("badexample.com", False)],
)
def test_wildcards(host: str, listed: bool) -> None:
    """`*.example.com` is every name below it, and nothing that only ends alike."""
    assert host_listed(host, ("*.example.com",)) is listed

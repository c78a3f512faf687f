"""Certificates are verified by name and authority, unless the plan says otherwise; ours is shown when asked for."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from http_scripted import OK, Peer, Run, answering, driving, scenario, serving

from loadtests.errors import TargetUnreachable, UsageError
from loadtests.plan.model import Target, Tls
from loadtests.plan.protocol.http import HttpSettings


@dataclass
class Certificates:
    """An authority, a server context for a name, and files of a client's certificate."""

    authority: trustme.CA
    folder: Path

    @property
    def ca(self) -> str:
        path = self.folder / "ca.pem"
        self.authority.cert_pem.write_to_path(path)
        return str(path)

    def server(self, name: str, *, wants_client: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(name).configure_cert(context)
        if wants_client:
            self.authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client(self) -> tuple[str, str]:
        certificate = self.authority.issue_cert("client@example.org")
        cert, key = self.folder / "client.pem", self.folder / "client.key"
        certificate.cert_chain_pems[0].write_to_path(cert)
        certificate.private_key_pem.write_to_path(key)
        return str(cert), str(key)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Certificates]:
    return Certificates(trustme.CA(), tmp_path_factory.mktemp("tls"))


def test_a_certificate_of_a_custom_authority(run_on_both: Run, certificates: Certificates) -> None:
    """Requests over TLS on a connection that is used again, by address and by name."""

    async def test() -> None:
        for name in ("127.0.0.1", "localhost"):
            async with serving(answering(OK), tls=certificates.server(name)) as server:
                target = Target(http=f"https://{name}:{server.port}", tls=Tls(ca=certificates.ca))
                async with driving(scenario(), target) as bench:
                    for _ in range(3):
                        await bench.one()
            assert (bench.outcome().ok(), server.connections) == (3, 1)
            assert bench.outcome().tallies["op"].histogram("connect").total == 1

    run_on_both(test)


@pytest.mark.parametrize(
    ("name", "trusted", "verify", "reason"),
    [
        pytest.param("example.org", True, True, "certificate was refused", id="another name"),
        pytest.param("localhost", False, True, "certificate was refused", id="an unknown authority"),
        pytest.param("example.org", False, False, None, id="anything, when nothing is verified"),
    ],
)
def test_certificates_that_do_not_fit(
    run_on_both: Run, certificates: Certificates, name: str, trusted: bool, verify: bool, reason: str | None
) -> None:
    """The run does not start, and says why; with `verify: false` it does."""

    async def test() -> None:
        async with serving(answering(OK), tls=certificates.server(name)) as server:
            tls = Tls(ca=certificates.ca if trusted else None, verify=verify)
            target = Target(http=f"https://localhost:{server.port}", tls=tls)
            if reason is None:
                async with driving(scenario(), target) as bench:
                    await bench.one()
                assert bench.outcome().ok() == 1
                return
            with pytest.raises(TargetUnreachable, match=reason):
                async with driving(scenario(), target):
                    pass

    run_on_both(test)


def test_a_client_certificate_is_shown(run: Run, certificates: Certificates) -> None:
    """A server that asks for one is satisfied; without it every execution fails."""

    async def test() -> None:
        async with serving(answering(OK), tls=certificates.server("localhost", wants_client=True)) as server:
            url = f"https://localhost:{server.port}"
            cert, key = certificates.client()
            async with driving(scenario(), Target(http=url, tls=Tls(certificates.ca, cert, key))) as bench:
                await bench.one()
            assert bench.outcome().ok() == 1
            async with driving(scenario(), Target(http=url, tls=Tls(certificates.ca))) as bench:
                await bench.one()
            assert bench.outcome().ok() == 0
            assert bench.outcome().tallies["op"].failed == 1

    run(test)


def test_a_certificate_refused_during_the_run_is_a_connect_failure(run: Run, certificates: Certificates) -> None:
    """The server comes back with another authority's certificate: connect, with the reason."""
    other = Certificates(trustme.CA(), certificates.folder)

    async def test() -> None:
        context = certificates.server("localhost")
        async with serving(answering(OK), tls=context) as server:
            target = Target(http=f"https://localhost:{server.port}", tls=Tls(ca=certificates.ca))
            async with driving(scenario(http=HttpSettings(keep_alive=False)), target) as bench:
                await bench.one()
                other.authority.issue_cert("localhost").configure_cert(context)
                await bench.one()
        assert (bench.outcome().ok(), bench.outcome().failures()) == (1, {"connect": 1})
        assert "the certificate was refused" in bench.outcome().sample()

    run(test)


def test_a_plain_server_behind_https(run_on_both: Run) -> None:
    """No TLS there: told at once, in plain words."""

    async def script(peer: Peer) -> None:
        if await peer.reader.read(100):
            peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await peer.writer.drain()

    async def test() -> None:
        async with serving(script) as server:
            with pytest.raises(TargetUnreachable, match="TLS handshake failed"):
                async with driving(scenario(), f"https://localhost:{server.port}"):
                    pass

    run_on_both(test)


def test_files_that_cannot_be_used(run: Run, tmp_path: Path) -> None:
    """A mistake of the plan, found before any load."""
    (tmp_path / "ca.pem").write_text("no certificate")

    async def test() -> None:
        target = Target(http="https://127.0.0.1:1", tls=Tls(ca=str(tmp_path / "ca.pem")))
        with pytest.raises(UsageError, match=r"cannot use the TLS files of the plan .*ca\.pem"):
            async with driving(scenario(), target):
                pass

    run(test)

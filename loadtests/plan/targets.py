"""Reading `target`: addresses that are addresses, files that are there."""

import ipaddress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from loadtests.plan.document import TargetShape, TlsShape
from loadtests.plan.findings import Findings
from loadtests.plan.model import Target, Tls
from loadtests.plan.suggest import nearest
from loadtests.plan.yamlfile import Place

__all__ = ["address_rule", "read_target"]

_SCHEMES = {
    "http": ("http", "https"),
    "websocket": ("ws", "wss"),
    "database": ("postgresql", "postgres"),
    "metrics": ("http", "https"),
}


def read_target(findings: Findings, value: object, *, base: Path | None) -> Target:
    """The target as far as it can be read. Files are looked for below `base`; `None` leaves them alone."""
    place: Place = ("target",)
    shape = None if value is None else findings.shape(TargetShape, value, place)
    if shape is None:
        return Target()
    for key, schemes in _SCHEMES.items():
        written = getattr(shape, key)
        check = _database_rule if key == "database" else address_rule
        rule = None if written is None else check(written, *schemes)
        if rule is not None:
            near = nearest(written.partition("://")[0], schemes) if "://" in written else None
            findings.note((*place, key), rule, near=None if near is None else f"{near}://")
    for position, host in enumerate(shape.allow):
        if not host.strip() or ("/" in host and not _is_network(host)):
            rule = "expected a host name, an address or a network (10.1.0.0/16), without scheme or path"
            findings.note((*place, "allow", position), rule)
    return Target(
        http=None if shape.http is None else shape.http.rstrip("/"),
        websocket=shape.websocket,
        database=shape.database,
        metrics=shape.metrics,
        process=shape.process,
        allow=shape.allow,
        instances=shape.instances,
        tls=_tls(findings, shape.tls, (*place, "tls"), base=base),
    )


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def address_rule(text: str, *schemes: str) -> str | None:
    """What is wrong with an address, in words; `None` when nothing is."""
    expected = f"expected an address such as {schemes[0]}://127.0.0.1:8080"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return expected
    if parts.scheme not in schemes or not host:
        return expected
    if schemes[0] in ("http", "ws") and (parts.fragment or any(mark in text for mark in " \t\r\n")):
        return f"{expected}, without spaces or #"
    return None


def _database_rule(text: str, *schemes: str) -> str | None:
    """As `address_rule`, for a DSN: one server, by its host or by the directory of its socket."""
    expected = "expected an address such as postgresql://user@127.0.0.1:5432/name, for a socket …/name?host=/directory"
    try:
        parts = urlsplit(text)
        asked = parse_qs(parts.query)
        ports = parts.port, *map(int, asked.get("port", ()))
    except ValueError:
        return expected
    host = parts.hostname or asked.get("host", [""])[-1]
    if parts.scheme not in schemes or not host or len(ports) > 2:
        return expected
    if "," in host:
        return "expected one server: a run loads one at a time"
    if parts.netloc.count("@") > 1:
        return "an @ in a user or password is written %40"
    if parts.hostname is None and not host.startswith("/"):
        return expected
    return None


def _tls(findings: Findings, value: object, place: Place, *, base: Path | None) -> Tls:
    shape = None if value is None else findings.shape(TlsShape, value, place)
    if shape is None:
        return Tls()
    if shape.key is not None and shape.cert is None:
        findings.note((*place, "key"), "a key needs its certificate: give cert too")
    found = {key: _file(findings, getattr(shape, key), (*place, key), base=base) for key in ("ca", "cert", "key")}
    return Tls(found["ca"], found["cert"], found["key"], shape.verify)


def _file(findings: Findings, name: str | None, place: Place, *, base: Path | None) -> str | None:
    if name is None or base is None:
        return name
    path = base / name
    if not path.is_file():
        findings.note(place, "there is no such file beside the plan")
    return str(path)

"""Load goes only where the plan allows it: to loopback, and to what `target.allow` lists.

An entry of the list is a host name (`staging.example.com`), all names below one (`*.example.com`), an address, or a
network (`10.1.0.0/16`). The decision falls on the resolved addresses, and it is these that are connected to, so a name
cannot point elsewhere in between.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from loadtests.errors import HostNotAllowed, TargetUnreachable
from loadtests.plan.model import Target

__all__ = ["address_listed", "host_listed", "permitted"]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


async def permitted(url: str, target: Target) -> list[str]:
    """The addresses that load for `url` may go to, in the resolver's order.

    Raises `HostNotAllowed` when any of them is neither loopback nor listed (unless the name itself is), and
    `TargetUnreachable` when the name has none.
    """
    host = urlsplit(url).hostname or ""
    addresses = await _resolve(host)
    if host_listed(host, target.allow):
        return addresses
    for address in addresses:
        if not address_listed(address, target.allow):
            raise HostNotAllowed(host, address, target.allow)
    return addresses


def address_listed(address: str, allow: Iterable[str]) -> bool:
    """Whether the address is loopback, on the list, or in a network on it."""
    parsed = _parsed(address)
    return parsed.is_loopback or any(parsed in network for network in _networks(allow))


def host_listed(host: str, allow: Iterable[str]) -> bool:
    """Whether the name is on the list, as itself or under a `*.` entry (which does not cover the parent name)."""
    name = host.lower().rstrip(".")
    for entry in allow:
        pattern = entry.lower().rstrip(".")
        if pattern.startswith("*."):
            if name.endswith(pattern[1:]) and len(name) > len(pattern) - 1:
                return True
        elif name == pattern:
            return True
    return False


async def _resolve(host: str) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TargetUnreachable(host, f"its name does not resolve ({reason})") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _networks(allow: Iterable[str]) -> Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    for entry in allow:
        try:
            yield ipaddress.ip_network(entry.strip("[]"), strict=False)
        except ValueError:  # a host name
            continue


def _parsed(address: str) -> _Address:
    """The address that packets go to: IPv4 mapped into IPv6 is IPv4, a scope does not count."""
    parsed = ipaddress.ip_address(address.split("%", 1)[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return parsed if mapped is None else mapped

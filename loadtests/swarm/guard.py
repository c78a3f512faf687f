"""A locustfile may connect to anything; here it connects only to where the plan allows load to go.

An audit hook sees every connection of the process, whatever library makes it, just before it is made.
"""

import ipaddress
import socket
import sys
from collections.abc import Callable
from typing import Any

from loadtests.drive.allow import address_listed, host_listed
from loadtests.errors import HostNotAllowed

__all__ = ["Guard"]


class Guard:
    """Refuses connections beyond loopback and `allow`; `refused` is told of each, by address."""

    def __init__(self, allow: tuple[str, ...], refused: Callable[[str], None]) -> None:
        self._allow, self._refused = allow, refused
        self._permitted: set[str] = set()
        self._looking_up = False

    def watch(self) -> None:
        """From now on, for as long as the process lives."""
        for entry in self._allow:
            if not entry.startswith("*.") and "/" not in entry:
                self._look_up(entry)
        sys.addaudithook(self._hook)

    def check(self, host: str) -> None:
        """Raise `HostNotAllowed` when one of the addresses of that name may not be sent load."""
        if not host or host_listed(host, self._allow):
            return
        try:
            addresses = {str(found[4][0]) for found in socket.getaddrinfo(host, None)}
        except OSError:
            return  # every request will say so
        for address in sorted(addresses):
            if not self.permits(address):
                raise HostNotAllowed(host, address, self._allow)

    def permits(self, address: str) -> bool:
        """Whether load may go to that address."""
        if address in self._permitted:
            return True
        try:
            ipaddress.ip_address(address.split("%", 1)[0])
        except ValueError:  # a name, which the system resolves on its own
            return host_listed(address, self._allow) or address == "localhost"
        return address_listed(address, self._allow)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            address = arguments[1]
            if isinstance(address, tuple) and not self.permits(str(address[0])):
                self._refused(str(address[0]))
                raise HostNotAllowed(str(address[0]), str(address[0]), self._allow)
        elif event == "socket.getaddrinfo" and not self._looking_up and arguments[0]:
            host = arguments[0].decode() if isinstance(arguments[0], bytes) else str(arguments[0])
            if host_listed(host, self._allow):
                self._look_up(host)

    def _look_up(self, host: str) -> None:
        """Note the addresses that a listed name has now."""
        self._looking_up = True
        try:
            self._permitted.update(str(found[4][0]) for found in socket.getaddrinfo(host, None))
        except OSError:
            return
        finally:
            self._looking_up = False

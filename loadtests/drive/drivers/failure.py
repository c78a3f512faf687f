"""How an execution can go wrong, as a failure kind and a sentence; and which faults are ours."""

import errno
import os
import ssl
from dataclasses import dataclass

__all__ = ["Failure", "RequestFailed", "connect_failure", "generator_fault", "plain", "wrong_status"]

_OURS = {
    errno.EMFILE: "file descriptors",
    errno.ENFILE: "file descriptors",
    errno.EADDRNOTAVAIL: "ephemeral ports",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure kind (`timeout`, `connect`, `reset`, `protocol`, `check`, `status_5xx`, `redirect`, …) and why."""

    kind: str
    reason: str


class RequestFailed(Exception):
    """A request that got no usable answer; never leaves the driver."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.kind, failure.reason)
        self.failure = failure


def wrong_status(status: int, wanted: str) -> Failure:
    """An unwanted status goes by its class; one below 300 is an answer that is merely not the wanted one: a check."""
    kind = f"status_{status // 100}xx" if status >= 300 else "check"
    return Failure(kind, f"status {status}, expected {wanted}")


def connect_failure(error: Exception) -> Failure:
    """What kept a connection from being made, without errno noise."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure("connect", f"the certificate was refused: {error.verify_message or error.reason}")
    if isinstance(error, ssl.SSLError):
        return Failure("connect", f"the TLS handshake failed: {error.reason or error}")
    ours = generator_fault(error)
    if ours is not None:
        return Failure("connect", f"this machine ran out of {ours}")
    return Failure("connect", plain(error))


def plain(error: Exception) -> str:
    """What an error of the operating system says, without numbers and addresses."""
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        return os.strerror(error.errno).lower()
    return str(error) or type(error).__name__


def generator_fault(error: Exception) -> str | None:
    """The resource of this machine that ran out, when that is what the error means."""
    return _OURS.get(error.errno or 0) if isinstance(error, OSError) else None

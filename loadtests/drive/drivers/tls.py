"""The TLS side of connections: what is trusted, and what we show."""

import ssl

from loadtests.errors import UsageError
from loadtests.plan.model import Tls

__all__ = ["tls_context"]


def tls_context(tls: Tls) -> ssl.SSLContext:
    """A client context: the system's authorities, or only the plan's own `ca` when it names one.

    With `verify` false neither the certificate nor the name in it is looked at. Files that cannot be used are a
    mistake of the plan (`UsageError`), found before any load is sent.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if tls.cert is not None:
            context.load_cert_chain(tls.cert, tls.key)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(name for name in (tls.ca, tls.cert, tls.key) if name is not None)
        raise UsageError(f"cannot use the TLS files of the plan ({files}): {error}") from error
    context.set_alpn_protocols(["http/1.1"])
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context

"""Locust without what it does to a process that imports it: this one runs the other tests too."""

import pytest

with pytest.MonkeyPatch.context() as patched:
    patched.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    import locust  # noqa: F401

"""What holds for all tests."""

import gc
import os

from hypothesis import settings

os.environ.pop("LOADTESTS_HISTORY", None)  # runs of tests belong into nobody's history

# The same examples every time, and no deadline: the machine may be busy.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


def pytest_collection_finish() -> None:
    """What collecting has made stays: looking through it again and again would be pauses of a third of a second.

    Several tests drive load in this very process, as no engine process would be driven.
    """
    gc.collect()
    gc.freeze()

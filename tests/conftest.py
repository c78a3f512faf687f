"""What holds for all tests."""

import os

from hypothesis import settings

os.environ.pop("LOADTESTS_HISTORY", None)  # runs of tests belong into nobody's history

# The same examples every time, and no deadline: the machine may be busy.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

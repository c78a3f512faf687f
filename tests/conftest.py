"""What holds for all tests."""

from hypothesis import settings

# The same examples every time, and no deadline: the machine may be busy.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

"""The WebSocket driver."""

from loadtests.drive.drivers.base import Driver

__all__ = ["WebsocketDriver"]


class WebsocketDriver(Driver):
    """Being written."""

    def fire(self, operation: int, index: int, intended_ns: int, user: int) -> None:
        """See `Driver.fire`."""
        raise NotImplementedError

    def cut_off(self) -> None:
        """See `Driver.cut_off`."""

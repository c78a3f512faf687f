"""WebSocket connections that are held, and messages over them."""

from loadtests.drive.drivers.websocket.driver import WebsocketDriver

__all__ = ["WebsocketDriver"]

"""/ws of the reference backend: many sockets in one room.

room        all sockets: upgrades are answered, and what is dialled for sockets is done
upgrade     the opening handshake, as far as it is HTTP
connection  one socket: bytes from the transport to its mode, and answers back
modes events   what sockets are for: echo, broadcast, push; executions told as messages
faults dial    what goes wrong and when, by arithmetic; and the hand on that part of the dial
"""

__all__: list[str] = []

"""A PostgreSQL of the target's own, out of a wheel: nothing to install, nothing left behind.

    programs  where initdb and postgres are, and as whom they can run
    home      the directory a server lives in; who owns it, and clearing out those whose owner has died
    follow    runs a program as another user, and has it end when the target does
    server    start, stop and restart of one server
    schema    the tables of a plausible Netra Apex
    seed      their rows: arithmetic, the same every time
    attached  all of it together, or a database that is already there

It listens on loopback only, with a password that is new at each start. What is fast is chosen over what is durable
(no fsync): the data lives as long as the target.
"""

__all__: list[str] = []

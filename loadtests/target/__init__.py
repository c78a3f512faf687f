"""The embedded reference backend: a small, fast, well-kept stand-in for Netra Apex with a dial for faults.

It stands apart from every room (`loadtests target` runs it as a process of its own), so that what the suite measures
reaches it only over the network, as any other target.

    server   one process, one port, one loop: uvicorn on uvloop and httptools; ready, stop, parent
    sockets  /ws: upgrades (socket_upgrade), connections (socket_connection), what they are for (socket_modes, _events)
    app      the ASGI edge: route, fault, answer, count, log
    probes api clients admin   the endpoints, by who asks for them
    users savings              the business: pure arithmetic, known answers
    postgres database stored   a PostgreSQL of its own, the backend's way to it, and what is read from it
    agents provider            executions with workers and a queue; the stub LLM they call. Packages of their own
    faults dial                what goes wrong and when, by arithmetic; and the hand on the dial
    socket_faults socket_dial  the same for sockets; both on share and setting
    database_faults database_dial   the same for the database; done by database_acts and sleeping
    transports                 what a transport cannot be asked for: a reset, whether an unread peer has left
    metrics logs               what it tells about itself
    call                       one request as the endpoints see it, and their answers
"""

__all__: list[str] = []

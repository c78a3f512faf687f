"""The embedded reference backend: a small, fast, well-kept stand-in for Netra Apex with a dial for faults.

It stands apart from every room (`loadtests target` runs it as a process of its own), so that what the suite measures
reaches it only over the network, as any other target.

    server   one process, one port, one loop: uvicorn on uvloop and httptools; ready, stop, parent
    app      the ASGI edge: route, fault, answer, count, log
    probes api clients admin   the endpoints, by who asks for them
    users savings              the business: pure arithmetic, known answers
    sockets/                   /ws: upgrades, connections, what they are for, what goes wrong with them
    postgres/ database/        a PostgreSQL of its own; the backend's way to it, and what goes wrong in it
    agents/ provider/          executions with workers and a queue; the stub LLM they call
    faults dial                what goes wrong and when, by arithmetic; and the hand on the dial: share and setting help
    transports                 what a transport cannot be asked for: a reset, whether an unread peer has left
    metrics logs               what it tells about itself
    call                       one request as the endpoints see it, and their answers
"""

__all__: list[str] = []

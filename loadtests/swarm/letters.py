"""What the hub (Locust's master) and its workers say to each other, as Locust's custom messages.

    worker ▸ hub   hello {identity, host, pid, processes}     once connected; told again until it is answered
                   pong {token, worker_ns}                    at once: how clocks are compared
                   frames {first, frames}                     what engine processes said, numbered from 0 without gaps
                   leaving {reason}                           it ends of its own accord
    hub ▸ worker   welcome {name} · dismissed {reason}        accepted, or not wanted (any more), with a sentence
                   ping {token}
                   parcel {parcel}                            the plan and its files, before the first job
                   job {digest, job}                          start an engine process
                   tell {engine, kind, payload}               a frame for an engine process; `kill` ends it
                   ack {until}                                all frames before that number have come

A worker keeps frames until they are acknowledged and sends them again when that takes long; the hub passes them on once
each, in order. So a run's end waits for every window, and Locust's own half-second of patience plays no part.
"""

__all__ = [
    "ACK",
    "DISMISSED",
    "FRAMES",
    "HELLO",
    "JOB",
    "KILL",
    "LEAVING",
    "PARCEL",
    "PING",
    "PONG",
    "TELL",
    "TO_HUB",
    "TO_WORKER",
    "WELCOME",
]

HELLO = "loadtests.hello"
PONG = "loadtests.pong"
FRAMES = "loadtests.frames"
LEAVING = "loadtests.leaving"
TO_HUB = (HELLO, PONG, FRAMES, LEAVING)

WELCOME = "loadtests.welcome"
DISMISSED = "loadtests.dismissed"
PING = "loadtests.ping"
PARCEL = "loadtests.parcel"
JOB = "loadtests.job"
TELL = "loadtests.tell"
ACK = "loadtests.ack"
TO_WORKER = (WELCOME, DISMISSED, PING, PARCEL, JOB, TELL, ACK)

KILL = "kill"
"""The `tell` that no engine process sees: its worker ends it."""

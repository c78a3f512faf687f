"""The backend's database, as the backend uses it, and what can be dialled to go wrong in it.

    pool           the way to it: asked with a time limit, counted and timed
    stored         what is read from it
    faults dial    what goes wrong and when; and the hand on that part of the dial
    acts sleeping  what the dial does: locks, ended sessions, restarts; statements that sleep

The server itself, out of a wheel, is `loadtests.target.postgres`.
"""

__all__: list[str] = []

"""The stub LLM provider: an OpenAI-compatible server in a process of its own, and the target's client of it.

dialled  how one completion shall behave: times, tokens, faults; sent along with each request
stub     the server; keeps no state, so that what a request asks for is all that decides
process  the server as a child process, and `python -m loadtests.target.provider`
client   connections to it, and a completion token by token
"""

__all__: list[str] = []

"""The locustfile that adds our recorder to another: `locust -f mine.py,$(python -m loadtests.swarm.plugin) …`.

Run as a program it prints where it lies, which is what Locust wants to know.
"""

from loadtests.swarm.plain import install

if __name__ == "__main__":
    print(__file__)
else:
    install()

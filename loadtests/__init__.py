"""Load testing with true latencies and honest verdicts."""

__version__ = "0.1.0"

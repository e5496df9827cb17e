"""What can go wrong with a benchmark, and is said in one line."""


class BenchError(Exception):
    """The measurement cannot be made; the message says why."""

"""The chat of the demo as a single process."""

from socketscope.demo.stack import programs
from socketscope.demo.stack.replicas import make_replicas


def chat(options):
    """What starts it; each has a key of its own for its users."""
    [only] = make_replicas(options, None)
    return programs.chat(options, only)

"""A disk that is full for a moment."""

import resource
import signal
from contextlib import contextmanager


@contextmanager
def full(size):
    """Let no file grow beyond a size, for a moment: the log of the tests may grow again."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)

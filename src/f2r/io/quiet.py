"""What C libraries write to the terminal about a file, caught instead."""

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LIBRARY_WORDS = re.compile(
    r"libpng|Corrupt JPEG|Premature end of JPEG|Invalid JPEG|JPEG|EXR_ERR|Exception raised reading|"
    r"WARN:|ERROR:\d|OpenCV|Unexpected end of file|data corrupted|LibRaw|^\s*$"
)
"""Lines that are the libraries' own; what other threads write in that moment is passed on."""

_one_at_a_time = threading.RLock()


@contextmanager
def caught_words() -> Iterator[list[str]]:
    """Catch what libraries write to standard error meanwhile; it is listed when the block ends."""
    words: list[str] = []
    with _one_at_a_time:
        try:
            sys.stderr.flush()
            terminal = os.dup(2)
        except (OSError, AttributeError, ValueError):  # there is none
            yield words
            return
        with tempfile.TemporaryFile() as caught:
            os.dup2(caught.fileno(), 2)
            try:
                yield words
            finally:
                os.dup2(terminal, 2)
                os.close(terminal)
                caught.seek(0)
                for line in caught.read().decode(errors="replace").splitlines(keepends=True):
                    if LIBRARY_WORDS.search(line):
                        words.append(line.strip())
                    else:
                        os.write(2, line.encode())

"""Errors for the user: one line that says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

MOST_LETTERS = 160
"""Largest length of a library's message in an error."""


class F2RError(Exception):
    """Base of every error that F2R raises on purpose; its text is one line for the user."""


class InputError(F2RError):
    """The input or an option cannot be used: the user has to change something (exit code 2)."""


class UnevenError(InputError):
    """A file's frames do not follow its own timestamps, so they cannot be found by number."""


def check_seed(seed: int) -> None:
    """Check a seed.

    Raises:
        InputError: it is negative or has more than 63 bits.
    """
    if not 0 <= seed < 2**63:
        raise InputError(f"seed must be at least 0 and below 2^63, not {seed}")


@contextmanager
def reading(name: object, advice: str = "copy it again, or save it again") -> Iterator[None]:
    """Convert all errors of a library that reads the user's data to one line.

    Args:
        name: what is read.
        advice: what the user can do.

    Raises:
        InputError: instead of any exception but F2R's own.
    """
    try:
        yield
    except F2RError:
        raise
    except MemoryError as error:
        raise InputError(
            f"{name}: needs more memory than is free: crop it or close other programs"
        ) from error
    except Exception as error:  # every library has errors of its own, on damaged files also bugs
        raise InputError(f"{name}: cannot be read ({reason(error)}): {advice}") from error


def reason(error: Exception) -> str:
    """Shorten the reason of an error to one printable line."""
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if error.args and isinstance(error.args[0], bytes):
        said = error.args[0].decode(errors="replace")
    line = next((line.strip() for line in str(said).splitlines() if line.strip()), "no reason")
    shown = "".join(letter if letter.isprintable() else "?" for letter in line)
    return shown if len(shown) <= MOST_LETTERS else shown[:MOST_LETTERS] + " ..."

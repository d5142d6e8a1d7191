"""Quantities as people type them."""

import re

from f2r.errors import InputError

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_of(text: str) -> float:
    """Read a time such as '90', '90s', '2.5m' or '1h' as seconds.

    Raises:
        InputError: the text is no positive time.
    """
    match = re.fullmatch(r"(\d+\.?\d*)\s*([smh]?)", text.strip().lower())
    seconds = float(match[1]) * UNITS[match[2] or "s"] if match else 0.0
    if seconds <= 0:
        raise InputError(f"'{text}' is no time: give for example 90s, 10m or 1h")
    return seconds

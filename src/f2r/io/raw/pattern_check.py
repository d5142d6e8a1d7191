"""Check of the pattern of a mosaic against its samples."""

from f2r.io.clip import Frame, FrameReader

GREEN_RATIO = 2.0
"""Largest difference of the greens relative to that of red and blue."""
AVERAGED = 8
"""Side of the averaged blocks in packed pixels, which suppresses noise."""


def pattern_warning(reader: FrameReader) -> str | None:
    """Warn if the two greens of a raw clip's first frame are not the most alike pair.

    A swap of red and blue is not detected, because their levels depend on the light.

    Returns:
        One sentence, or None if all is well or the clip is not raw.
    """
    mosaic = reader.info.mosaic
    if mosaic is None:
        return None
    frame = next(iter(reader), None)
    if frame is None or _difference(frame, 1, 2) <= GREEN_RATIO * _difference(frame, 0, 3):
        return None
    others = "RGGB or BGGR" if mosaic.pattern[0] == "G" else "GRBG or GBRG"
    return (
        f"the two greens of pattern {mosaic.pattern} are less alike than its red and blue: "
        f"the pattern is probably {others}"
    )


def _difference(frame: Frame, first: int, second: int) -> float:
    """Average the absolute difference of two channels' block means over the frame."""
    height, width = (side // AVERAGED * AVERAGED for side in frame.shape[:2])
    if not height or not width:
        return 0.0
    change = frame[:height, :width, first] - frame[:height, :width, second]
    blocks = change.reshape(height // AVERAGED, AVERAGED, width // AVERAGED, AVERAGED).mean((1, 3))
    return float(abs(blocks).mean())

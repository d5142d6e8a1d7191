"""Does the mosaic look as its pattern says?"""

from f2r.io.clip import Frame, FrameReader

GREEN_RATIO = 2.0
"""Greens that differ by more than this times the difference of red and blue are no greens."""
AVERAGED = 8
"""Packed pixels across a block whose mean is compared, so that noise matters little."""


def pattern_warning(reader: FrameReader) -> str | None:
    """Warn if the two greens of a raw clip's first frame are not the most alike pair.

    Red and blue taken for each other are not found: their levels depend on the light.

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

"""Completeness of JPEG; OpenCV fills damaged parts and only warns on the terminal."""

import re
from pathlib import Path

from f2r.io.images.png_bmp import damaged

FRAME_MARKERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""SOF markers; the three taken out are tables (JPEG, ITU-T T.81 table B.1)."""
CODED_ALIKE = {0xC0, 0xC1, 0xC2}
"""Baseline, extended and progressive Huffman coding, which FFmpeg decodes as well."""
PADDING = 16
"""Bytes between pieces of a JPEG that some cameras leave unused."""
JPEG_END = b"\xff\xd9"


def check_jpeg(data: bytes, path: Path) -> None:
    """Decode a JPEG by FFmpeg, which stops at damaged data.

    Raises:
        InputError: the picture is cut short or damaged.
    """
    if JPEG_END not in data[-1024:]:
        raise damaged(path)
    if _coding(data) not in CODED_ALIKE:
        return
    import av
    import av.error

    decoder = av.codec.CodecContext.create("mjpeg", "r")
    decoder.options = {"err_detect": "explode"}
    decoder.thread_count = 1
    try:
        pictures = decoder.decode(av.Packet(data)) + decoder.decode(None)
    except av.error.PatchWelcomeError:
        return  # a kind of JPEG that FFmpeg does not know
    except av.error.FFmpegError as error:
        raise damaged(path) from error
    if not pictures or any(picture.is_corrupt for picture in pictures):
        raise damaged(path)


def says_damaged(words: str) -> bool:
    """Whether a message of libjpeg means damage rather than padding."""
    extra = re.search(r"(\d+) extraneous bytes", words)
    if extra is not None:
        return int(extra[1]) > PADDING
    return (
        re.search(r"premature end|bad Huffman|Invalid JPEG|libpng error", words, re.IGNORECASE)
        is not None
    )


def _coding(data: bytes) -> int:
    """Give the first frame marker, 0 if there is none."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker in FRAME_MARKERS:
            return marker
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return 0

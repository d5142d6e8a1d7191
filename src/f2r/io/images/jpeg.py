"""Is a JPEG whole? OpenCV fills what it cannot decode and says so to the terminal only."""

from pathlib import Path

from f2r.errors import InputError

FRAME_MARKERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""SOF markers; the three taken out are tables (JPEG, ITU-T T.81 table B.1)."""
CODED_ALIKE = {0xC0, 0xC1, 0xC2}
"""Baseline, extended and progressive Huffman coding, which FFmpeg decodes as well."""
END = b"\xff\xd9"


def check_jpeg(data: bytes, path: Path) -> None:
    """Decode a JPEG by FFmpeg, which stops at data that cannot be.

    Raises:
        InputError: the picture is cut short or damaged.
    """
    if END not in data[-1024:]:
        raise InputError(f"{path}: this picture is cut short and damaged: {ADVICE}")
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
        raise InputError(f"{path}: this picture is damaged: {ADVICE}") from error
    if not pictures or any(picture.is_corrupt for picture in pictures):
        raise InputError(f"{path}: this picture is damaged: {ADVICE}")


ADVICE = "replace it, remove it, or pass --skip-corrupt"


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

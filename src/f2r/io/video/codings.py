"""Names of video codecs, and which of them lose nothing."""

LOSSLESS_DECODERS = {
    *("ffv1", "rawvideo", "huffyuv", "ffvhuff", "utvideo", "magicyuv", "lagarith", "png", "apng"),
    *("tiff", "bmp", "qtrle", "v210", "v308", "v408", "v410", "r210", "ayuv", "yuv4", "jpegls"),
    *("zlib", "zmbv", "flashsv", "gif", "dpx", "exr", "wrapped_avframe"),
    *("prores", "dnxhd", "cfhd"),
}
"""Decoders whose frames are, or are nearly, what was encoded."""

CODEC_NAMES = {
    "h264": "H.264",
    "hevc": "HEVC",
    "vp8": "VP8",
    "vp9": "VP9",
    "libvpx": "VP8",
    "libvpx-vp9": "VP9",
    "av1": "AV1",
    "libdav1d": "AV1",
    "libaom-av1": "AV1",
    "mpeg1video": "MPEG-1",
    "mpeg2video": "MPEG-2",
    "mpeg4": "MPEG-4",
    "msmpeg4v3": "MPEG-4",
    "mjpeg": "MJPEG",
}


def lossy_coding(decoder: str) -> str | None:
    """Name the codec of a decoder as people do; None if it loses nothing."""
    return None if decoder in LOSSLESS_DECODERS else CODEC_NAMES.get(decoder, decoder)

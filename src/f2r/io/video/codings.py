"""Names of video codecs, and the lossless ones."""

LOSSLESS_DECODERS = {
    *("ffv1", "rawvideo", "huffyuv", "ffvhuff", "utvideo", "magicyuv", "lagarith", "png", "apng"),
    *("tiff", "bmp", "qtrle", "v210", "v308", "v408", "v410", "r210", "ayuv", "yuv4", "jpegls"),
    *("zlib", "zmbv", "flashsv", "gif", "dpx", "exr", "wrapped_avframe"),
    *("prores", "dnxhd", "cfhd"),
}
"""Decoders of lossless and nearly lossless codecs."""

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
    """Give the usual name of the codec of a decoder; None if it is lossless."""
    return None if decoder in LOSSLESS_DECODERS else CODEC_NAMES.get(decoder, decoder)

"""Readers and writers: the border between files and frames."""

from f2r.io.clip import ClipInfo, EncodeOptions, Frame, FrameReader, FrameWriter, Source
from f2r.io.opening import default_output, open_reader, open_writer

__all__ = [
    "ClipInfo",
    "EncodeOptions",
    "Frame",
    "FrameReader",
    "FrameWriter",
    "Source",
    "default_output",
    "open_reader",
    "open_writer",
]

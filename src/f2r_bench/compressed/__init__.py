"""Noise that went through a codec, with filters of FFmpeg beside F2R."""

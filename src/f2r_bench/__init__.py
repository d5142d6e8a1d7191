"""Measurements: peers, ablations, codecs, raw video, speed and memory."""

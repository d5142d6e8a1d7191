"""Optical flow: estimation, warping, pyramid."""

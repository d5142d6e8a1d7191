"""Optical flow: estimation, warping, flow pyramid, scene cuts."""

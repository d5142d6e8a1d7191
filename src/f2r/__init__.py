"""Frames2Residual: self-supervised video denoising."""

__version__ = "0.1.0"

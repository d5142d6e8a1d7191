"""Image signal processing: raw to sRGB and back."""

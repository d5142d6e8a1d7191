"""Raw to sRGB and back."""

"""Raw video: mosaics, cameras' files, the way from sRGB back to raw, and a picture to look at."""

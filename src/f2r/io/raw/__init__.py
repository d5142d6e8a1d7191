"""Raw clips: mosaics, DNG, CRVD."""

"""One clip in parts: prepared once, denoised by any number of processes, joined bit for bit."""

"""PSNR against the time that a user waits: whole processes on the same file."""

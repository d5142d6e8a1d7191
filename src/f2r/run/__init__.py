"""One run, from the input to the output."""

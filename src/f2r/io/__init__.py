"""Readers and writers: the border between files and frames."""

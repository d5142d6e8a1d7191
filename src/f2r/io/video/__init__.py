"""Video files and pipes."""

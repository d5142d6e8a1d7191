"""Device, processes, files that are whole or absent."""

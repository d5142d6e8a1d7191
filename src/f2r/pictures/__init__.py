"""Before/after pictures and noise charts."""

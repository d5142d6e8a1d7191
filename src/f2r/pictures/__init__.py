"""Before/after pictures and charts."""

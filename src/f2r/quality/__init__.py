"""Errors estimated without a clean reference."""

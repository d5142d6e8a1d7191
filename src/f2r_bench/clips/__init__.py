"""Clips to measure on, and noise for them."""

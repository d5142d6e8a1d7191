"""Metrics, and noise added to clean clips."""

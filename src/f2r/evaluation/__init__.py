"""Metrics and simulated noise."""

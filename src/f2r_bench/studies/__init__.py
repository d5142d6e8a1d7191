"""Measurements of single properties: quality, noise, flow, speed, memory, kills."""

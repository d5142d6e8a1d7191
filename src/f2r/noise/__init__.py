"""Noise: models, recorruption, estimation, diagnosis."""

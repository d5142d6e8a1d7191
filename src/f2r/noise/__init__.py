"""Noise: models, estimation, diagnosis, clipping, sensor defects."""

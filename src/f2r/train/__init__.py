"""Training: one loop, one file of losses per network."""

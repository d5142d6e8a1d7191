"""Inference over a clip of any length."""

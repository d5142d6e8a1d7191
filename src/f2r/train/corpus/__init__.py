"""Weights made from many clips and photographs."""

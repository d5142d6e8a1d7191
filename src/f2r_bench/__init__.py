"""The comparison: datasets, methods, figures, tables, ablations."""

"""State of an interrupted run."""

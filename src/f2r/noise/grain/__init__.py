"""Film grain model of AV1, measured on the removed noise."""

"""The networks: prior D, blind temporal estimator (stage 1), spatial refiner (stage 2)."""

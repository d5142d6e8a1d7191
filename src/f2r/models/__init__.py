"""Networks: image prior D, temporal estimator (stage 1), spatial refiner (stage 2)."""

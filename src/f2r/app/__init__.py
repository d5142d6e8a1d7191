"""F2R as a page in the browser, on this machine only; needs the extra `frames2residual[app]`."""

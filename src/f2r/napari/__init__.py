"""F2R as a widget of napari; needs the extra `frames2residual[napari]`."""

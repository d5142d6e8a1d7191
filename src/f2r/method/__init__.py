"""The method of the paper: preprocessing, both stages, recorruption, and the stream over a clip."""

"""Film grain as AV1 describes it, measured on what was removed from a clip."""

"""F2R with one part changed."""

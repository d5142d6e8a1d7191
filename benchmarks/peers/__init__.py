"""Published networks, written anew, for side-by-side measurement."""

"""Methods side by side on clean clips with known noise."""

"""The command line: parsing and display, no logic."""

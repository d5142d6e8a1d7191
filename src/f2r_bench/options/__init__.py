"""What can be chosen on the command line: one frozen dataclass for each command."""

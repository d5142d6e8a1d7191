"""What can go wrong for a user, each as one line that says what to do."""


class F2RError(Exception):
    """Base of every error that F2R raises on purpose; its text is one line for the user."""


class InputError(F2RError):
    """The input or an option cannot be used: the user has to change something (exit code 2)."""

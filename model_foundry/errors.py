"""The one exception a person is meant to read: what is wrong, where, and what to do."""


class FoundryError(Exception):
    """An error whose text is the whole message; the CLI prints it without a traceback."""

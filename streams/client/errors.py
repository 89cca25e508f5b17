"""What a client could not do."""


class ClientError(RuntimeError):
    """One sentence: what was expected, what was found, what to do."""

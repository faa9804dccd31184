"""`tf.errors`: what a run of a graph raises. Each is a ValueError too."""

from typing import Any


class OpError(ValueError):
    """Abstract: an operation failed."""

    def __init__(self, message: str, op: Any = None):
        super().__init__(message)
        self.message, self.op = message, op


class InvalidArgumentError(OpError):
    """What an operation was given does not fit; or a placeholder was not fed."""


class FailedPreconditionError(OpError):
    """A variable was read before it had a value."""


class NotFoundError(OpError):
    """What was asked for is not there."""


class OutOfRangeError(OpError):
    """The input is at its end."""


class InaccessibleTensorError(OpError):
    """A value from inside of a branch or a loop was asked for outside of it."""


class OperatorNotAllowedInGraphError(TypeError):
    """Python asked a node for a value that it only has in a run."""

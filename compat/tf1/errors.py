"""`tf.errors`: what a run of a graph raises. Each is a ValueError too."""

import difflib
from collections.abc import Iterable
from types import ModuleType
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


def carry_notes(error: BaseException) -> None:
    """Notes on operations, which Keras drops where it words an error anew, back onto the error."""
    cause = error.__context__
    while cause is not None and not getattr(error, "_tf1", False):
        if getattr(cause, "_tf1", False):
            for note in getattr(cause, "__notes__", ()):
                error.add_note(note)
            error._tf1 = True  # type: ignore[attr-defined]  # a mark of ours
        cause = cause.__context__


def closest(name: str, names: Iterable[str]) -> str:
    """What to say of a name that is not among `names`: those that are close."""
    close = difflib.get_close_matches(name, list(names), 3)
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""


def missing(module: ModuleType, prefix: str, name: str) -> str:
    """What to say of a name that is not there: those that are close."""
    there = [found for found in vars(module) if found[0] != "_"]
    close = difflib.get_close_matches(name, there, 3)
    hint = f" Did you mean {' or '.join(f'{prefix}.{match}' for match in close)}?" if close else ""
    return f"portable_losses.compat.tf1 has no {prefix}.{name}.{hint}"

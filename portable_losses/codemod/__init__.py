"""Rewrites TensorFlow 1 and Keras 2 losses and metrics as Keras 3 code.

    from portable_losses.codemod import rewrite
    print(rewrite(source).source)

`portable-losses migrate` does it for files. Needs the extra `migrate`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portable_losses.codemod._engine import ParseError as ParseError
    from portable_losses.codemod._engine import rewrite as rewrite
    from portable_losses.codemod._result import Change as Change
    from portable_losses.codemod._result import Finding as Finding
    from portable_losses.codemod._result import Result as Result

__all__ = ["Change", "Finding", "ParseError", "Result", "rewrite"]


def __getattr__(name: str) -> Any:
    # Late, so that the command line has its help and its other commands without libcst.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        engine = importlib.import_module("portable_losses.codemod._engine")
    except ModuleNotFoundError as error:
        if error.name != "libcst":
            raise
        raise ImportError(
            "portable_losses.codemod needs libcst: pip install 'portable-losses[migrate]'"
        ) from error
    return getattr(engine, name)

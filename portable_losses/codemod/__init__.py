"""Rewrites TensorFlow 1 and Keras 2 losses and metrics as Keras 3 code.

    from portable_losses.codemod import rewrite
    print(rewrite(source).source)

`portable-losses migrate` does it for files. Needs the extra `migrate`.
"""

try:
    import libcst as _libcst
except ImportError as error:
    raise ImportError(
        "portable_losses.codemod needs libcst: pip install 'portable-losses[migrate]'"
    ) from error

from portable_losses.codemod._engine import ParseError as ParseError
from portable_losses.codemod._engine import rewrite as rewrite
from portable_losses.codemod._result import Change as Change
from portable_losses.codemod._result import Finding as Finding
from portable_losses.codemod._result import Result as Result

__all__ = ["Change", "Finding", "ParseError", "Result", "rewrite"]
del _libcst

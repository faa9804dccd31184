"""A process that runs definitions: `worker.main`, by module name or, on an old Python, by path."""

import importlib
import os
import sys

if __package__:
    package = __package__
else:  # python3.7 .../codemod/verify
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != here]
    sys.path.append(os.path.dirname(here))
    package = os.path.basename(here)
importlib.import_module(package + ".worker").main(*sys.argv[1:])

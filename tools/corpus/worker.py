"""Run definitions on one side, each file in a process of its own. Runs on Python 3.7 too.

    python worker.py {graph|eager|new} JOBS.json RESULTS.jsonl

`graph` is TensorFlow 1.15 in graph mode and `eager` Keras 2.15: they look for inputs that a
definition runs with, and record inputs, results and gradients. `new` takes what they recorded and
runs the definition through `portable_losses.compat`, on the backend that KERAS_BACKEND names;
`rewritten` does it with what `migrate` makes of the definition. The machinery is that of `migrate
--verify`.
"""

import importlib
import os
import sys


def main(side, jobs, results):
    here = os.path.dirname(os.path.abspath(__file__))
    tools = os.path.dirname(here)
    root = os.path.dirname(tools)
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != here]
    sys.path += [tools, root]  # last: the installed package comes first
    if side in ("graph", "eager"):  # an old Python, which cannot import all of the package
        sys.path.append(os.path.join(root, "portable_losses", "codemod"))
        package, module = "verify", "oracle"
    else:
        package, module = "portable_losses.codemod.verify", "replay"
    worker = importlib.import_module(package + ".worker")
    name = "run_" + side if module == "oracle" else "run"
    found = importlib.import_module("corpus.new" if side == "new" else package + "." + module)
    worker.run(getattr(found, name), jobs, results)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Record the public classes of peers: `python record_names.py MODULE ...` where they are installed.

Prints JSON: the names of the classes that each module defines, sorted.
"""

import importlib
import inspect
import json
import sys


def names(module):
    found = vars(importlib.import_module(module)).items()
    return sorted(
        name
        for name, value in found
        if inspect.isclass(value) and value.__module__.startswith(module) and name[0] != "_"
    )


if __name__ == "__main__":
    print(json.dumps({module: names(module) for module in sys.argv[1:]}, indent=1))

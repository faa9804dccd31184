"""Python 2 sources, by lib2to3 (Python up to 3.12) or its continuation fissix."""

import importlib
import warnings


def to_python3(source: str) -> str:
    """The source as Python 3.

    Raises:
        ValueError: if there is no converter, or it cannot read the source.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("fissix", "lib2to3"):
            try:
                refactor = importlib.import_module(f"{name}.refactor")
            except ImportError:
                continue
            fixers = refactor.get_fixers_from_package(f"{name}.fixes")
            tool = refactor.RefactoringTool(fixers)
            try:
                end = "" if source.endswith("\n") else "\n"
                return str(tool.refactor_string(source + end, "source"))
            except Exception as error:  # whatever the converter raises, the file is not readable
                raise ValueError(f"neither Python 3 nor Python 2: {error}") from None
    raise ValueError("Python 2 needs a converter: pip install fissix")

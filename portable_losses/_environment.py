"""What is installed, and which backend Keras will use. Imports no backend, nor Keras."""

import importlib.metadata
import importlib.util
import json
import os
from pathlib import Path

BACKENDS = ("tensorflow", "jax", "torch")

# Each extra and its packages, by the name they are imported by.
EXTRAS = {
    "plot": ("matplotlib",),
    "demo": ("matplotlib", "rich", "sklearn"),
    "migrate": ("libcst", "rich"),
}


def is_installed(package: str) -> bool:
    """Whether `package` can be found; a mere folder of that name on the path does not count."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):  # no name that a package could have, such as "a.b"
        return False
    return spec is not None and spec.origin is not None


def version(package: str) -> str | None:
    """The version of an installed package, whatever its distribution is called (tensorflow-cpu)."""
    if not is_installed(package):
        return None
    for distribution in importlib.metadata.packages_distributions().get(package, ()):
        return importlib.metadata.version(distribution)
    return "unknown version"


def missing(extra: str) -> list[str]:
    """The packages of an extra that are not installed."""
    return [package for package in EXTRAS[extra] if not is_installed(package)]


def installed_backends() -> list[str]:
    return [name for name in BACKENDS if is_installed(name)]


def keras_json() -> Path:
    """Keras' own settings file, which Keras writes with its defaults if there is none."""
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "keras.json"


def keras_json_backend() -> str | None:
    """The backend that keras.json names, if any."""
    try:
        name = json.loads(keras_json().read_text())["backend"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return name if isinstance(name, str) else None


def chosen_backend() -> tuple[str, str]:
    """The backend Keras will use, and what chose it."""
    if name := os.environ.get("KERAS_BACKEND"):
        return name, "the environment variable KERAS_BACKEND"
    if name := keras_json_backend():
        return name, "keras.json"
    return "tensorflow", "its default"


def explain(reason: str) -> str:
    """What to do when Keras cannot import its backend, or is not there itself."""
    chosen, source = chosen_backend()
    installed = installed_backends()
    others = [name for name in installed if name != chosen]
    if others:
        remedy = (
            f"Installed here: {', '.join(installed)}. Set the environment variable "
            f"KERAS_BACKEND={others[0]} before Keras is imported, or install the missing one"
        )
    elif installed:
        remedy = f"{chosen} is installed, but broken. Install it again"
    else:
        remedy = "No backend is installed. Install one"
    extra = f"'portable-losses[{chosen if chosen in BACKENDS else 'jax'}]'"
    return (
        f"Keras could not import its backend {chosen!r}, chosen by {source} "
        f"({reason}). {remedy}: pip install {extra}. "
        f"Names are lower case: {', '.join(BACKENDS)}, numpy."
    )

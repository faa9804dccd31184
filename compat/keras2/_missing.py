"""What to say of a name that Keras 3 does not have either."""

import difflib
from collections.abc import Iterable
from typing import Any

# What Keras 2.15 had and what to write.
GONE = {
    "dtensor": "Use keras.distribution.",
    "estimator": "Estimators went with TensorFlow 1; train the model with fit.",
    "experimental": "Import what it held by its name today, or write it with a layer.",
    "protobuf": "It described SavedModel files, which Keras 3 does not write.",
    "premade_models": "Build the model from layers.Dense.",
    "Reduction": "It is keras2.losses.Reduction.",
}


def look_up(name: str, here: dict[str, Any], theirs: Any, called: str) -> Any:
    """Ours by this name, or that of Keras 3, or an error that says what comes close."""
    if name in here:
        return here[name]
    try:
        return getattr(theirs, name)
    except AttributeError:
        pass
    raise AttributeError(f"There is no {called}.{name}.{_hint(name, [*here, *dir(theirs)])}")


def _hint(name: str, names: Iterable[str]) -> str:
    if name in GONE:
        return f" {GONE[name]}"
    close = difflib.get_close_matches(name, [n for n in names if n[0] != "_"], 3)
    return f" Did you mean {' or '.join(close)}?" if close else ""

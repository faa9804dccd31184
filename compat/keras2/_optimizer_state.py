"""The state of an optimizer in a file of Keras 2, put into one of Keras 3."""

import io
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

# What Keras 2 called the slots of an optimizer, the old one's name last, and the attribute of ours.
SLOTS: dict[str, dict[str, str]] = {
    "SGD": {"m": "momentums", "momentum": "momentums"},
    "RMSprop": {
        "velocity": "_velocities",
        "rms": "_velocities",
        "momentum": "_momentums",
        "average_gradient": "_average_gradients",
        "mg": "_average_gradients",
    },
    "Adam": {"m": "_momentums", "v": "_velocities", "vhat": "_velocity_hats"},
    "Adagrad": {"accumulator": "_accumulators"},
    "Adadelta": {
        "accumulated_grad": "_accumulated_grads",
        "accum_grad": "_accumulated_grads",
        "accumulated_delta_var": "_accumulated_delta_vars",
        "accum_var": "_accumulated_delta_vars",
    },
    "Adamax": {"m": "_m", "u": "_u", "v": "_u"},
    "Nadam": {"m": "_momentums", "v": "_velocities"},
    "LegacyNadam": {"m": "averages", "v": "squares"},
}
# A `.keras` file has them without names: one after the other, or in turn for each variable.
ORDER: dict[str, tuple[tuple[str, ...], ...]] = {
    "SGD": (("m",),),
    "RMSprop": (("velocity",), ("momentum",), ("average_gradient",)),
    "Adam": (("m", "v"), ("vhat",)),
    "Adagrad": (("accumulator",),),
    "Adadelta": (("accumulated_grad", "accumulated_delta_var"),),
    "Adamax": (("m", "u"),),
    "Nadam": (("m", "v"),),
}


class _Unlike(Exception):
    """The state does not fit the optimizer; the message says why."""


def restore(model: Any, path: Path) -> None:
    """Give the optimizer of a model the state that is in its file; warn where it starts anew."""
    optimizer = model.optimizer
    name = type(optimizer).__name__
    try:
        if name not in SLOTS:
            raise _Unlike("this optimizer's state is not known here")
        count = len(model.trainable_variables)
        found = _of_archive(path, optimizer, name, count) if zipfile.is_zipfile(path) else None
        steps, slots = _of_hdf5(path, name) if found is None else found
        _put(optimizer, name, steps, slots, model.trainable_variables)
    except _Unlike as why:
        warnings.warn(
            f"The state of the optimizer {name} in {path.name} was not restored: {why}. Training "
            "goes on with an optimizer that starts anew: its step, momenta and averages are lost.",
            stacklevel=4,
        )


def _of_hdf5(path: Path, name: str) -> tuple[int, dict[str, list[Any]]]:
    """The step, and arrays by the names of slots."""
    import h5py

    slots: dict[str, list[Any]] = {}
    steps = None
    with h5py.File(path, "r") as file:
        if "optimizer_weights" not in file:
            raise _Unlike("the file holds none")
        group = file["optimizer_weights"]
        for given in group.attrs["weight_names"]:
            full = given.decode() if isinstance(given, bytes) else given
            parts, value = full.removesuffix(":0").split("/"), np.asarray(group[full])
            if parts[-1] in ("iter", "iteration", "iterations"):
                steps = int(value)
            elif parts[-1] == "momentum_cache":
                slots["momentum_cache"] = [value]
            else:  # `Adam/m/dense/kernel`, and of old `Adam/dense/kernel/m`
                kind = parts[1] if len(parts) > 1 and parts[1] in SLOTS[name] else parts[-1]
                slots.setdefault(kind, []).append(value)
    if steps is None:
        raise _Unlike("the file holds none")
    return steps, slots


def _of_archive(
    path: Path, optimizer: Any, name: str, count: int
) -> tuple[int, dict[str, list[Any]]]:
    import h5py

    with zipfile.ZipFile(path) as archive:
        stored = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(stored, "r") as file:
        group = file.get("optimizer/vars")
        values = [np.asarray(group[key]) for key in sorted(group, key=int)] if group else []
    if not values:
        raise _Unlike("the file holds none, as of an optimizer of keras.optimizers.legacy")
    steps, rest = int(values[0]), values[1:]
    slots: dict[str, list[Any]] = {}
    for kinds in ORDER.get(name, ()):
        part, rest = rest[: len(kinds) * count], rest[len(kinds) * count :]
        if not part:
            break
        if name == "RMSprop" and kinds == ("momentum",) and not optimizer.momentum:
            kinds = ("average_gradient",)
        slots |= {kind: part[i :: len(kinds)] for i, kind in enumerate(kinds)}
    if rest:
        raise _Unlike(f"it has {len(rest)} arrays more than are expected")
    return steps, slots


def _put(
    optimizer: Any, name: str, steps: int, slots: dict[str, list[Any]], variables: list[Any]
) -> None:
    if not optimizer.built:
        optimizer.build(variables)
    cache = slots.pop("momentum_cache", None)
    pairs: list[tuple[Any, Any]] = []
    for kind, arrays in slots.items():
        if kind not in SLOTS[name]:
            raise _Unlike(f"it has {kind!r}, which is not known here")
        ours = getattr(optimizer, SLOTS[name][kind], None)
        if not ours:  # SGD without momentum has no use for it
            continue
        shapes = [tuple(v.shape) for v in ours], [x.shape for x in arrays]
        if shapes[0] != shapes[1]:
            raise _Unlike(f"{kind!r} has the shapes {shapes[1]}, and {shapes[0]} are expected")
        pairs += zip(ours, arrays, strict=True)
    for variable, value in pairs:
        variable.assign(value)
    optimizer.iterations.assign(steps)
    if name == "LegacyNadam" and cache is not None:
        for product in optimizer.products:
            product.assign(cache[0])
    if name == "Nadam":  # Keras 2 does not save it
        t = np.arange(1, steps + 1)
        optimizer._u_product.assign(np.prod(optimizer.beta_1 * (1 - 0.5 * 0.96**t)))

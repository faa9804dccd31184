"""The old `keras.backend` against figures of the real one, and what no figure shows."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import _backend
from portable_losses.compat import K
from tests import autodiff
from tests.oracles import keras2_calls as calls

GOLDEN = Path(__file__).parent.parent / "oracles" / "golden" / "keras2_backend.npz"
with np.load(GOLDEN, allow_pickle=False) as file:
    FIGURES = {key: file[key] for key in file.files}
INDEX = json.loads(str(FIGURES["index"]))


# Where we differ, by the row's label: on purpose, or for what the backend lacks.
DIFFERENT = {
    "rnn: mask, zeros, {'go_backwards': True, 'unroll': True}": "Keras 2 lays the mask over the "
    "reversed outputs as it is; ours is that of the loop that is not unrolled",
    "gradient of pow(float32[12], 0.0)": "0 at 0, where Keras 2 has 0 times infinity",
}
if autodiff.BACKEND == "jax":
    DIFFERENT["mean(int32[3])"] = "no int64 to sum in"
    DIFFERENT["gradient of hard_sigmoid(float32[2])"] = "compiled, its ends move by a rounding"


def recorded(name):
    """The figures of each row of a function: outputs and gradients, or None if it was refused."""
    at = dict.fromkeys([dtype for key in FIGURES if "/" in key for dtype in [key.split("/")[1]]], 0)

    def take(dtype, shape):
        start = at[dtype]
        at[dtype] += int(np.prod(shape))
        return FIGURES[f"{name}/{dtype}"][start : at[dtype]].reshape(shape)

    for row in INDEX[name]:
        if "error" in row:
            yield None
        else:
            yield [[take(*told) for told in row.get(key, [])] for key in ("value", "gradient")]


def flat(result):
    """The arrays of a result, one after the other."""
    if isinstance(result, list | tuple) and not all(isinstance(n, int) for n in result):
        return [x for part in result for x in flat(part)]
    if isinstance(result, list | tuple):
        return [np.asarray(result, "int32" if type(result).__name__ == "Shape" else None)]
    return [result.value if isinstance(result, keras.Variable) else result]


def computed(rows):
    """The outputs of rows; on JAX of all that can be compiled in one program."""
    tensors = [[ops.convert_to_tensor(x) for x in row.tensors] for row in rows]

    def program(tensors):
        return [flat(row.run(K, *given)) for row, given in zip(rows, tensors, strict=True)]

    if autodiff.BACKEND == "jax":
        import jax

        program = jax.jit(program)
    found = program(tensors)
    return [[ops.convert_to_numpy(x) if ops.is_tensor(x) else x for x in row] for row in found]


def slopes(rows):
    """The gradients of rows by their floating tensors; on JAX all in one program."""
    parts = [x for row in rows for x in row.tensors if x.dtype.kind == "f"]

    def total(vector):
        start, value = 0, 0.0 * ops.sum(vector)
        for row in rows:
            given = []
            for x in row.tensors:
                if x.dtype.kind == "f":
                    piece = vector[start : start + x.size]
                    start += x.size
                    given.append(ops.reshape(piece, x.shape))
                else:
                    given.append(ops.convert_to_tensor(x))
            for x in flat(row.run(K, *given)):
                if keras.backend.is_float_dtype(keras.backend.standardize_dtype(x.dtype)):
                    value = value + ops.sum(x * ops.convert_to_tensor(weights(x.shape)))
        return value

    found = autodiff.gradient(total, np.concatenate([x.ravel() for x in parts]).astype("float32"))
    ends = np.cumsum([x.size for x in parts])
    pieces = iter(np.split(found, ends[:-1]))
    return [
        [next(pieces).reshape(x.shape) for x in row.tensors if x.dtype.kind == "f"] for row in rows
    ]


def weights(shape):
    shape = tuple(shape)
    return (1 + 0.25 * (np.arange(np.prod(shape, dtype=int)) % 5)).reshape(shape).astype("float32")


def differences(label, actual, expected):
    """What differs in a list of arrays; floats to 1e-5, and to 1e-6 of the largest."""
    if len(actual) != len(expected):
        yield f"{label}: {len(actual)} results, not {len(expected)}"
        return
    for ours, theirs in zip(actual, expected, strict=True):
        ours = np.asarray(ours)
        if ours.shape != theirs.shape:
            yield f"{label}: shape {ours.shape}, not {theirs.shape}"
        elif theirs.dtype.kind != "f":
            if not np.array_equal(ours, theirs):
                yield f"{label}: {ours.tolist()}, not {theirs.tolist()}"
        else:
            known = np.abs(theirs[np.isfinite(theirs)])
            atol = 1e-6 * max(1.0, np.max(known, initial=0.0))
            if not np.allclose(ours, theirs, rtol=1e-5, atol=atol, equal_nan=True):
                yield f"{label}: {ours.tolist()}, not {theirs.tolist()}"


def dtype_differences(label, actual, expected):
    for ours, theirs in zip(actual, expected, strict=True):
        names = {theirs.dtype.name, _backend.canonical_dtype(theirs.dtype.name)}
        if np.asarray(ours).dtype.name not in names:
            yield f"{label}: {np.asarray(ours).dtype.name}, not {theirs.dtype.name}"


def faults(found):
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("name", sorted(calls.TABLE))
def test_values_and_dtypes_are_those_of_keras_2(name):
    rows = calls.TABLE[name]
    assert [row.label for row in rows] == [row["label"] for row in INDEX[name]]
    pairs = [(r, f[0]) for r, f in zip(rows, recorded(name), strict=True) if f is not None]
    for eager in (False, True):
        these = [(row, expected) for row, expected in pairs if row.eager == eager]
        results = (
            computed([row for row, _ in these])
            if these and not eager
            else [
                [
                    ops.convert_to_numpy(x) if ops.is_tensor(x) else x
                    for x in flat(row.run(K, *map(ops.convert_to_tensor, row.tensors)))
                ]
                for row, _ in these
            ]
        )
        found = []
        for (row, expected), actual in zip(these, results, strict=True):
            if row.label not in DIFFERENT:
                found += differences(row.label, actual, expected)
            found += dtype_differences(row.label, actual, expected)
        faults(found)


@pytest.mark.parametrize("name", sorted(n for n in INDEX if any("gradient" in r for r in INDEX[n])))
def test_gradients_are_those_of_keras_2(name):
    pairs = zip(calls.TABLE[name], recorded(name), strict=True)
    pairs = [(row, figures[1]) for row, figures in pairs if figures is not None and figures[1]]
    results = slopes([row for row, _ in pairs])
    found = []
    for (row, expected), actual in zip(pairs, results, strict=True):
        if f"gradient of {row.label}" not in DIFFERENT:
            found += differences(row.label, actual, expected)
    faults(found)

"""The rows of the tables, by figures: old calls that TensorFlow and Keras 2 have evaluated are
rewritten and evaluated on the backend that runs."""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from portable_losses.codemod import rewrite
from tests import autodiff

GOLDEN = Path(__file__).parent.parent / "oracles" / "golden"
HEADERS = {
    "k": "from keras import backend as K\n",
    "tf": "import tensorflow as tf\nfrom keras import backend as K\n",
    "tf1": "import tensorflow as tf\n",
}


def figures(section):
    with np.load(GOLDEN / f"codemod_{section}.npz") as file:
        data = dict(file)
    calls = json.loads(str(data["calls"]))
    inputs = {key[6:]: value for key, value in data.items() if key.startswith("input_")}
    expected = [
        [data[key] for key in data if key.startswith(f"{number}_")] for number in range(len(calls))
    ]
    return calls, inputs, expected


# What Keras before 3.15 computes otherwise on PyTorch: a gradient of NaN, a write into `x` itself,
# and another padding.
WRONG = (
    "tf.math.divide_no_nan(x, b)",
    "tf.tensor_scatter_nd_update(",
    "tf.nn.conv2d(tf.reshape(z, [2, 3, 4, 1]), tf.reshape(w, [3, 2, 1, 2]), [1, 2, 2, 1], 'SAME')",
)


def is_right(call):
    return autodiff.TRACES or not call.startswith(WRONG)


def definitions(section):
    """The calls as one old module, with a function for each."""
    calls, inputs, expected = figures(section)
    names = ", ".join(inputs)
    source = HEADERS[section] + "".join(
        f"\n\ndef call_{number}({names}):\n    return {call}\n" for number, call in enumerate(calls)
    )
    return calls, inputs, expected, rewrite(source).source


def run(section, compat):
    """The faults of the calls that go through compat, or of those that do not."""
    calls, inputs, expected, source = definitions(section)
    head, *functions = source.split("\n\ndef ")
    wanted = [n for n, text in enumerate(functions) if bool(COMPAT.search(text)) == compat]
    wanted = [n for n in wanted if is_right(calls[n])]
    if not compat:
        head = "\n".join(line for line in head.split("\n") if "compat" not in line)
    text = "\n\ndef ".join([head, *(functions[n] for n in wanted)])
    assert compat or "tensorflow" not in text
    scope = {}
    exec(compile(text, section, "exec"), scope)
    tensors = {key: ops.convert_to_tensor(value) for key, value in inputs.items()}
    faults = []
    for number in wanted:
        try:
            found = scope[f"call_{number}"](**tensors)
            parts = found if isinstance(found, tuple) and len(expected[number]) > 1 else [found]
            for part, figure in zip(parts, expected[number], strict=True):
                value = np.asarray(ops.convert_to_numpy(part))
                # Booleans and integers may come in another width (S15), but not with other values.
                assert value.shape == figure.shape, f"{value.shape}, expected {figure.shape}"
                np.testing.assert_allclose(value, figure, rtol=2e-5, atol=2e-6)
                kinds = {np.issubdtype(x.dtype, np.floating) for x in (value, figure)}
                assert len(kinds) == 1, f"{value.dtype}, expected {figure.dtype}"
        except Exception as error:
            text = next((line for line in str(error).splitlines() if line.strip()), "")
            faults.append(f"{calls[number]}: {type(error).__name__}: {text}")
    return len(wanted), faults


def test_rewritten_calls_have_the_old_gradients():
    """Of the sum, by x, as TensorFlow 2.15 took them in a compiled step; through compat or not."""
    calls, inputs, expected = figures("slopes")
    names = ", ".join(inputs)
    source = HEADERS["tf"] + "".join(
        f"\n\ndef call_{number}({names}):\n    return {call}\n" for number, call in enumerate(calls)
    )
    scope = {}
    exec(rewrite(source).source, scope)
    rest = {key: ops.convert_to_tensor(value) for key, value in inputs.items() if key != "x"}
    faults = []
    for number, (call, (figure,)) in enumerate(zip(calls, expected, strict=True)):
        if not is_right(call):
            continue
        function = scope[f"call_{number}"]
        found = autodiff.gradient(lambda x, f=function: ops.sum(f(x=x, **rest)), inputs["x"])
        if not np.allclose(found, figure, rtol=1e-4, atol=1e-5):
            faults.append(f"{call}: {np.abs(found - figure).max()} off")
    assert not faults, f"{len(faults)} of {len(calls)}:\n" + "\n".join(faults)


COMPAT = re.compile(r"\b(?:K|tf)\.")


@pytest.mark.parametrize("section", HEADERS)
def test_native_calls_give_the_old_figures(section):
    count, faults = run(section, compat=False)
    assert not faults, f"{len(faults)} of {count}:\n" + "\n".join(faults)
    assert count > 0.8 * len(figures(section)[0])  # what is left to compat is the exception


@pytest.mark.parametrize("section", HEADERS)
def test_calls_through_compat_give_the_old_figures(section):
    for module in ("K", "tf1"):
        if not importlib.util.find_spec(f"portable_losses.compat.{module}"):
            pytest.skip(f"portable_losses.compat.{module} is not in this tree")
    count, faults = run(section, compat=True)
    assert not faults, f"{len(faults)} of {count}:\n" + "\n".join(faults)

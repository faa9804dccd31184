"""Every row of the tables, by figures: old calls that TensorFlow and Keras 2 evaluated are rewritten
and evaluated on the backend that runs."""

import json
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from portable_losses.codemod import rewrite

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


def definitions(section):
    """The calls as one old module, with a function for each."""
    calls, inputs, expected = figures(section)
    names = ", ".join(inputs)
    source = HEADERS[section] + "".join(
        f"\n\ndef call_{number}({names}):\n    return {call}\n" for number, call in enumerate(calls)
    )
    return calls, inputs, expected, rewrite(source)


def run(section, wanted):
    calls, inputs, expected, result = definitions(section)
    scope = {}
    wanted = [n for n in range(len(calls)) if result.definitions[f"call_{n}"] in wanted]
    exec(compile(_without(result.source, wanted), section, "exec"), scope)
    tensors = {key: ops.convert_to_tensor(value) for key, value in inputs.items()}
    faults = []
    for number in wanted:
        try:
            found = scope[f"call_{number}"](**tensors)
            parts = found if isinstance(found, tuple) and len(expected[number]) > 1 else [found]
            for part, figure in zip(parts, expected[number], strict=True):
                value = ops.convert_to_numpy(part)
                # Booleans and integers may come in another width (S15), but not with other values.
                np.testing.assert_allclose(value, figure, rtol=2e-5, atol=2e-6)
                assert np.issubdtype(value.dtype, np.floating) == np.issubdtype(
                    figure.dtype, np.floating
                ), f"{value.dtype}, expected {figure.dtype}"
        except Exception as error:
            text = next((ln for ln in str(error).splitlines() if ln.strip()), "")
            faults.append(f"{calls[number]}: {type(error).__name__}: {text}")
    return len(wanted), faults


def _without(source, wanted):
    """The definitions that are asked for; the imports are there in any case."""
    head, *functions = source.split("\n\ndef ")
    head = "\n".join(ln for ln in head.split("\n") if "compat" not in ln and "tensorflow" not in ln)
    kept = [f for f in functions if int(f.split("(")[0].removeprefix("call_")) in wanted]
    return "\n\ndef ".join([head, *kept])


@pytest.mark.parametrize("section", HEADERS)
def test_native_calls_give_the_old_figures(section):
    head = "portable_losses.compat"
    count, faults = run(section, ("native", "unchanged"))
    assert not faults, f"{len(faults)} of {count}:\n" + "\n".join(faults)


if __name__ == "__main__":
    for section in HEADERS:
        *_, result = definitions(section)
        print(result.source)

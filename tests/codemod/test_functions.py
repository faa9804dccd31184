"""`K.function` after a rewrite gives what it gave: lists and arrays, on each backend. TensorFlow
1.15.5 gave these kinds, dtypes and numbers for the code before."""

import numpy as np
import pytest

from portable_losses.codemod import rewrite
from tests.codemod.test_snippets import SNIPPETS

WEIGHTS = """
model.set_weights([np.linspace(-1, 1, 12).reshape(4, 3), np.ones(3), np.eye(3)[:, :2], np.ones(2)])
data = np.linspace(-1, 1, 20).reshape(5, 4)
"""
HEAD = """import numpy as np
from keras import backend as K
from keras.models import load_model

x = np.ones((2, 3))
model = load_model("m.h5")
"""


def test_it_gives_what_it_gave():
    source = SNIPPETS["function"]["after"]
    start = "data = np.ones((5, 4))\n"
    assert start in source
    found = {}
    exec(source.replace(start, WEIGHTS), found)
    data = np.linspace(-1, 1, 20).reshape(5, 4)
    hidden = np.maximum(data @ np.linspace(-1, 1, 12).reshape(4, 3) + 1, 0)
    output = hidden[:, :2] + 1

    def same(value, expected):
        assert isinstance(value, np.ndarray) and value.dtype == np.float32
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)

    def same_list(values, expected):
        assert isinstance(values, list) and len(values) == len(expected)
        for value, one in zip(values, expected, strict=True):
            same(value, one)

    same_list(found["activations"], [hidden, hidden])
    same_list(found["three"], [hidden])
    same(found["tested"], output)
    same(found["both"], output)
    same_list([f([data])[0] for f in found["functions"]], [hidden, hidden, output])
    assert all(isinstance(values, list) for values in found["layers"])
    same_list([values[0] for values in found["layers"]], [hidden, hidden, output])
    same(found["phases"](0), output)
    # What is dropped is drawn anew in each call, and the rest is doubled.
    samples, parts = found["samples"], found["parts"]
    assert samples.shape == (3, 5, 2) and len(np.unique(samples, axis=0)) > 1
    assert [type(part) for part in parts] == [np.ndarray] * 3
    same(parts[0], hidden)
    same(parts[1][parts[1] > 0], 2 * hidden[parts[1] > 0])
    assert (parts[1] == 0).sum() > (hidden == 0).sum()


def rewritten(code):
    result = rewrite(HEAD + code)
    assert rewrite(result.source).source == result.source
    return result, result.source.rpartition("\n\n")[2]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "f = K.function([model.layers[0].input], [model.get_layer('a').output])\ny, = f([x])\n",
            "f = keras.Model([model.inputs[0]], model.get_layer('a').output).predict_on_batch"
            "\ny, = [f([x])]\n",
        ),
        (
            "f = K.function(inputs=[model.input], outputs=model.output)\nuse(f)\n",
            "f = keras.Model(inputs=[model.input], outputs=model.output).predict_on_batch\n"
            "use(f)\n",
        ),
        (
            "f = K.function(model.inputs, model.outputs)\ny = f(x)[0]\n",
            "f = keras.Model(model.inputs, model.outputs).predict_on_batch\n"
            "y = keras.tree.flatten(f(x))[0]\n",
        ),
        (
            "f = K.function([K.learning_phase(), model.input], [model.output])\ny = f([0, x])[0]\n",
            "f = keras.Model([model.input], model.output).predict_on_batch\ny = f([x])\n",
        ),
        (
            "f = K.function([model.input, K.learning_phase()], model.outputs[0])\n"
            "y, z = f([x, 1]), f([x, False])\n",
            "f = keras.Model([model.input], model.outputs[0])\n"
            "y, z = ops.convert_to_numpy(f([x], training=True)), f.predict_on_batch([x])\n",
        ),
        (
            "o = model.outputs\nf = K.function([model.input, K.learning_phase()], [o[0], o[1]])\n"
            "y, z = f([x, 1])\n",
            "o = model.outputs\nf = keras.Model([model.input], [o[0], o[1]])\n"
            "y, z = [ops.convert_to_numpy(y) for y in f([x], training=True)]\n",
        ),
    ],
)
def test_forms(old, new):
    result, code = rewritten("\n\n" + old)
    assert code == new
    assert {f.rule for f in result.findings} == {"function"}
    checked = "training=True" in new  # the model is loaded, and may have a normalization
    assert ("check" in {f.severity for f in result.findings}) == checked


@pytest.mark.parametrize(
    "code",
    [
        "f = K.function([model.input], [model.output])\nuse(f)\n",
        "f = K.function([model.input], [model.output])\ny = f([x], 1)\n",
        "f = K.function([model.input], [model.output])\ny = f(*x)\n",
        "f = g = K.function([model.input], [model.output])\ny = f([x])\n",
        "f = 1\nf = K.function([model.input], [model.output])\ny = f([x])\n",
        "f = K.function([model.input, K.learning_phase()], model.output)\ny = f([x, phase])\n",
        "f = K.function([model.input, K.learning_phase()], model.output)\ny = f([x])\n",
        "f = K.function([model.input, K.learning_phase()], model.output)\ny = f(x)\n",
        "f = K.function([model.input, K.learning_phase()], model.output)\ny = f([*x, 0])\n",
        "f = K.function([K.learning_phase()], model.output)\ny = f([0])\n",
        "f = K.function([unknown], model.output)\ny = f([x])\n",
        "f = K.function([model.input], unknown)\ny = f([x])\n",
        "fs = [K.function([model.input], [y]) for y in model.outputs]\nz = fs[0]([x])\n",
        "fs = [K.function([model.input], [y]) for y in model.outputs]\nz = [f.g for f in fs]\n",
        "f = K.function([model.input], [model.output, unknown])\ny = f([x])\n",
        "class A:\n    def f(self):\n        return K.function([self.input], self.output)\n",
        "f = K.function(*[[model.input], model.output])\ny = f([x])\n",
        "f = K.function([model.input], model.output, name='f')\ny = f([x])\n",
    ],
)
def test_what_is_not_sure_runs_through_compat(code):
    result, _ = rewritten("\n\n" + code)
    assert result.source.endswith(code) and "compat import K\n" in result.source
    assert not result.findings


def test_the_first_layer_has_no_input():
    code = "f = K.function([K.learning_phase(), model.layers[0].input], model.output)\nuse(f)\n"
    assert "K.function([K.learning_phase(), model.inputs[0]], model" in rewritten(code)[0].source
    for given in ("model.layers[1].input", "model.layers[0].input, model.layers[1].input"):
        code = f"f = K.function([{given}], model.output)\ny = f([x])\n"
        assert f"keras.Model([{given}], model.output)" in rewritten(code)[0].source


def test_updates_and_gradients_are_reported():
    (found,) = rewritten(
        "f = K.function([model.input], [model.output], updates=[(v, w)])\nf([x])\n"
    )[0].findings
    assert (found.rule, found.severity) == ("function", "check") and "`train_step`" in found.message
    result, _ = rewritten(
        "grads = K.gradients(K.mean(model.output[:, 1]), model.get_layer('a').output)[0]\n"
        "f = K.function([model.input], [grads])\n"
    )
    (found,) = (f for f in result.findings if f.severity != "note")
    assert (found.rule, found.severity) == ("gradients", "stop") and "`jax.grad`" in found.message

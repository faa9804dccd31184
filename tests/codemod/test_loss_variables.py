"""Variables that a loss reads and a callback sets, after a rewrite."""

import keras
import numpy as np
import pytest

from portable_losses.codemod import rewrite
from tests.codemod.test_snippets import SNIPPETS

# The losses of the four epochs in TensorFlow 1.15.5 and in Keras 2.15, for both alike.
LOSSES = [2.5, 2.4552502632141113, 2.4251818656921387, 2.407799243927002]


def test_it_trains_as_it_did():
    found = {}
    exec(SNIPPETS["loss_variable"]["after"], found)
    x, y = np.zeros((4, 3), "float32"), np.array([[1.0, -2.0]] * 4, "float32")
    np.testing.assert_allclose(found["train"](x, y).history["loss"], LOSSES, rtol=1e-6)


@pytest.mark.skipif(keras.__version__.startswith("3.6."), reason="`loss_weights` are numbers there")
def test_weights_of_losses_are_seen():
    source = SNIPPETS["loss_variables_handed_on"]["after"]
    for old, new in [
        (
            "model.fit(x, y, callbacks=[Halve(first)])",
            "return model.fit(x, y, epochs=2, callbacks=[Halve(first)])",
        ),
        ("def on_batch_end", "def on_nothing"),
    ]:
        assert old in source
        source = source.replace(old, new)
    found = {}
    exec(source, found)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, [keras.layers.Dense(1)(inputs) for _ in range(2)])
    x, y = np.zeros((4, 3), "float32"), [np.full((4, 1), 2.0, "float32")] * 2
    # Squared and absolute errors of two biases, before and after a step by 0.01 of the gradient.
    losses = [0.5 * 4 + 0.5 * 2, 0.1 * (2 - 0.02) ** 2 + 0.9 * (2 - 0.005)]
    np.testing.assert_allclose(found["weighted"](model, x, y).history["loss"], losses, rtol=1e-5)


HEAD = """import numpy as np
import tensorflow as tf
from keras import backend as K
from keras.callbacks import Callback
from keras.models import Model


class Set(Callback):
    def __init__(self, v):
        self.v = v

    def on_epoch_end(self, epoch, logs=None):
        K.set_value(self.v, epoch)


"""
MODULE = """alpha = K.variable(0.5)
model = Model(a, b)
model.compile("sgd", loss=lambda y_true, y_pred: alpha * K.mean(y_pred - y_true, axis=-1))
model.fit(x, y, callbacks=[Set(alpha)])
"""


def rewritten(code):
    result = rewrite(HEAD + code)
    assert rewrite(result.source).source == result.source
    grades = [f.severity for f in result.findings if f.rule == "variable"]
    return result.source.partition("self.v.assign(epoch)\n\n\n")[2], grades


@pytest.mark.parametrize(
    ("value", "made"),
    [
        ("K.variable(0.5)", "keras.Variable(0.5, trainable=False, name='alpha')"),
        ("K.variable(1)", "keras.Variable(1.0, trainable=False, name='alpha')"),
        ("K.variable(value=1., name='a')", "keras.Variable(1., trainable=False, name='a')"),
        (
            "K.variable(1, dtype='float64')",
            "keras.Variable(1, dtype='float64', trainable=False, name='alpha')",
        ),
        (
            "K.variable(np.ones(2))",
            "keras.Variable(np.ones(2), dtype=keras.config.floatx(), trainable=False, name='alpha')",  # noqa: E501, a line as it is written
        ),
        ("tf.Variable(0.5)", "keras.Variable(0.5, trainable=False, name='alpha')"),
        (
            "tf.Variable(1, trainable=False, dtype=tf.float32)",
            "keras.Variable(1, dtype='float32', trainable=False, name='alpha')",
        ),
    ],
)
def test_variables(value, made):
    code, grades = rewritten(MODULE.replace("K.variable(0.5)", value).replace('"', "'"))
    assert code.splitlines()[0].replace('"', "'") == f"alpha = {made}"
    assert "\nmodel = StateModel(model, [alpha])\nmodel.compile(" in code
    assert grades == ["note"]


@pytest.mark.parametrize(
    ("old", "new", "grades"),
    [
        ("", "", ["note"]),
        ("model.fit(", "model.save('a.h5')\nmodel.fit(", ["check"]),
        ("model.fit(", "use(model)\nmodel.fit(", ["check"]),
        ("model", "self.model", ["check"]),
        ("Set(alpha)", "Set(v=alpha)", ["note"]),
        ("model = Model(a, b)\n", "", ["check"]),
        ("model.fit(", "alpha.assign(1.0)\nmodel.fit(", ["note"]),
        ("lambda y_true", "'mse', metrics=lambda y_true", ["note"]),
        ("Set(alpha)", "LambdaCallback(on_epoch_end=lambda e, l: K.set_value(alpha, e))", ["note"]),
    ],
)
def test_the_model_is_given_the_variable(old, new, grades):
    assert old in MODULE
    code, found = rewritten(MODULE.replace(old, new))
    assert code.count("StateModel(") == 1 and "keras.Variable(" in code
    assert found == grades


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("K.variable(0.5)", "K.zeros((2,))"),
        ("K.variable(0.5)", "tf.Variable(1)"),
        ("K.variable(0.5)", "tf.Variable([0.5])"),
        ("K.variable(0.5)", "K.variable(0.5, constraint=c)"),
        ("K.variable(0.5)", "K.variable(*values)"),
        ("model.compile", "done = model.compile"),
        ("model.compile", "model().compile"),
        ("model.compile", "1; model.compile"),
        ("model.compile(", "def f():\n    model.compile("),
    ],
)
def test_what_is_not_sure_is_reported(old, new):
    assert old in MODULE
    code, found = rewritten(MODULE.replace(old, new))
    assert "StateModel" not in code and "keras.Variable(" not in code
    assert found == ["check"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Set(alpha)", ""),  # a constant
        ("alpha * ", ""),  # no loss reads it
        ("alpha = K", "alpha = 1.0\nalpha = K"),
        ("model.fit", "K.update(alpha, 2.0)\nmodel.fit"),  # did not run
        ("alpha = K.variable(0.5)", "class A:\n    alpha = K.variable(0.5)"),
    ],
)
def test_other_variables_stay(old, new):
    assert old in MODULE
    code, found = rewritten(MODULE.replace(old, new))
    assert "StateModel" not in code and found == []


def test_a_function_that_others_give_numbers_is_not_wrapped():
    source = SNIPPETS["loss_variables_handed_on"]["before"]
    for old, new in [
        (
            "model = build(alpha, beta=beta)",
            "model = build(alpha, beta=beta)\n    build(1.0, beta)",
        ),
        ("def build(alpha, beta)", "def build(alpha, beta=1.0)"),
    ]:
        assert old in source
        result = rewrite(source.replace(old, new))
        assert "StateModel(model, [alpha, beta])" not in result.source
        assert "StateModel(model, [first, second])" in result.source
        lines = [f.message for f in result.findings if f.rule == "variable"]
        assert any(line.startswith("`alpha` is set while a loss reads it") for line in lines)


def test_a_loss_that_moves_its_variable_is_left_to_others():
    loss = "def loss(y_true, y_pred):\n    K.set_value(alpha, 1.0)\n    return alpha * y_pred\n\n\n"
    start, _, _ = MODULE.partition("model.compile")
    code, found = rewritten(f"{start}{loss}model.compile('sgd', loss=loss)\n")
    assert "StateModel" not in code and found == []


OF_CLASS = """class Trainer:
    def __init__(self):
        self.alpha = K.variable(0.5)

    def loss(self, y_true, y_pred):
        return self.alpha * K.mean(y_pred - y_true, axis=-1)
"""


@pytest.mark.parametrize(
    ("old", "new", "grades"),
    [
        ("", "", ["check"]),
        ("Trainer:", "Trainer(tf.keras.losses.Loss):", ["check"]),
        ("self.alpha * ", "", []),
        ("y_true, y_pred):", "a, b):\n        y_true = y_pred = a", []),
        ("Trainer:", "Trainer(tf.keras.metrics.Metric):", []),
        ("Trainer:", "Trainer(tf.keras.layers.Layer):", []),
        ("Trainer:", "Trainer(Base):", []),
        ("Trainer:", "Trainer(object):", ["check"]),
        ("self.alpha = ", "alpha = ", []),
    ],
)
def test_variables_of_classes(old, new, grades):
    assert old in OF_CLASS
    code, found = rewritten(OF_CLASS.replace(old, new))
    assert "StateModel" not in code and found == grades

"""Loss factories after a rewrite: which get the decorator, and that a saved model has its loss."""

import importlib.util

import keras
import numpy as np
import pytest

from portable_losses.codemod import rewrite
from tests.codemod.test_snippets import SNIPPETS

HEAD = "import numpy as np\nimport keras\nfrom keras import backend as K\n\n\n"
PLAIN = """def weighted(factor):
    scale = K.constant(factor)
    def loss(y_true, y_pred):
        return factor * scale * K.mean(y_true - y_pred, axis=-1)
    return loss
"""


@pytest.mark.parametrize(
    "name", ["focal_loss", "loss_factory", "argument_made_an_array", "variable_in_a_function"]
)
def test_a_saved_model_has_its_loss(name, tmp_path):
    path = tmp_path / f"{name}.py"
    path.write_text(SNIPPETS[name]["after"])
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = {
        "focal_loss": lambda: module.focal_loss(alpha=0.7),
        "loss_factory": lambda: module.weighted(0.5, power=3.0),
        "argument_made_an_array": lambda: module.balanced([0.3, 0.7]),
        "variable_in_a_function": lambda: module.running(3),
    }[name]()
    y = {"variable_in_a_function": np.eye(3)}.get(name, np.array([[0, 1], [1, 0], [0, 1]]))
    x, y = np.array([[0.1, 0.4], [0.3, 0.2], [0.9, 0.5]], "float32"), y.astype("float32")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, "sigmoid")])
    model.compile("sgd", loss=made)
    before = model.evaluate(x, y, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert again.evaluate(x, y, verbose=0) == before
    assert again.loss is not made and again.loss.args == made.args


def decorated(source):
    new = rewrite(source).source
    assert rewrite(new).source == new
    return new.count("@saved_factory")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("    return loss", "    loss.__name__ = 'weighted'\n    return loss"),
        ("    return loss", "    if factor:\n        return loss\n    return lambda t, p: p"),
        ("y_true, y_pred)", "y_true, y_pred, smooth=1.0)"),
        ("y_true, y_pred):", "y, p):"),
        ("(factor)", "(factor, from_logits=False, label_smoothing=0.1)"),
        ("K.constant(factor)", "np.asarray(factor).astype('float32')"),
        ("K.constant(factor)", "K.variable(factor)"),
        ("K.constant(factor)", "factor.shape[0]"),
        ("K.constant(factor)", "keras.layers.AveragePooling2D()"),
    ],
)
def test_it_is_decorated(old, new):
    assert old in PLAIN
    assert decorated(HEAD + PLAIN.replace(old, new)) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def weighted", "@cached\ndef weighted"),
        ("def weighted", "class A:\n  pass\nif True:\n  pass\nasync def weighted"),
        ("    return loss", "    return loss, scale"),
        ("    return loss", "    return K.mean(scale)"),
        ("    return loss", "    yield scale\n    return loss"),
        ("y_true, y_pred)", "y_true, y_pred, weights)"),
        ("y_true, y_pred)", "y_true)"),
        ("weighted(factor)", "layer(factor)"),
        ("(factor)", "(factor, logits)"),
        ("(factor)", "(factor, model)"),
        ("K.constant(factor)", "K.random_normal((2,))"),
        ("K.constant(factor)", "np.random.rand()"),
        ("K.constant(factor)", "K.variable(0.0); K.set_value(scale, 2.0)"),
        ("K.constant(factor)", "keras.layers.Dense(2)"),
        ("K.constant(factor)", "factor.output"),
        ("K.constant(factor)", "factor(2)"),
        ("        return", "        nonlocal scale\n        return"),
    ],
)
def test_it_stays_as_it_is(old, new):
    assert old in PLAIN
    source = PLAIN.replace(old, new)
    if "layer(" in new:
        source = source.replace("y_true, y_pred)", "inputs, state)")
    assert decorated(HEAD + source) == 0


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ("2.0", 1),
        ("[1.0, 2.0]", 1),
        ("np.ones(2)", 1),
        ("args.factor", 1),
        ("K.variable(2.0)", 0),
        ("[0, K.variable(2.0)]", 0),
        ("model.output", 0),
        ("keras.Input((2,))", 0),
        ("keras.layers.Dense(2)(x)", 0),
        ("lambda x: x", 0),
        ("alpha", 0),
    ],
)
def test_what_calls_give_decides(given, count):
    use = f"\n\nalpha = K.variable(1.0)\nmodel.compile('sgd', loss=weighted({given}))\n"
    result = rewrite(HEAD + PLAIN + use)
    assert result.source.count("@saved_factory") == count
    assert [f.rule for f in result.findings].count("factory") == 1


def test_code_without_old_names_is_left():
    source = "import keras\nfrom keras import ops\n\n\n" + PLAIN.replace("K.", "ops.")
    source = source.replace("ops.constant", "ops.convert_to_tensor")
    assert not rewrite(source).changed

"""What the codemod makes of functions that make variables has the figures of TensorFlow 1.15: the
value, its slopes by the features and by what is trained, and the variables after each step."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import _backend, training
from portable_losses.codemod import rewrite
from portable_losses.losses import StatefulLoss
from tests.codemod.test_snippets import SNIPPETS
from tests.oracles.tf1_layers import CASES, STEPS, inputs

GOLDEN = Path(__file__).parent.parent / "oracles" / "golden" / "codemod_layers.npz"
CLASSES = {
    "arcface_loss": "ArcfaceLoss",
    "cosine_softmax": "CosineSoftmax",
    "git_loss": "GitLoss",
    "unbiased_center_loss": "UnbiasedCenterLoss",
    "offset_error": "OffsetErrorLoss",
    "baseline": "Baseline",
    "center_penalty": "CenterPenaltyLoss",
    "total": "TotalLoss",
    "drift": "DriftLoss",
}


def number(x):
    return np.asarray(ops.convert_to_numpy(x))


def load(source, name="layers"):
    scope = {"__name__": name}
    exec(compile(source, name, "exec"), scope)
    return scope


def made(case, **more):
    snippet, function, _, settings, _ = CASES[case]
    scope = load(rewrite(SNIPPETS[snippet]["before"]).source, f"layers_{case}")
    return scope[CLASSES[function]](**settings, **more)


def variables(layer):
    return {variable.name: variable for variable in layer.weights}


def called(layer, case, x, y, **told):
    """The loss for features and labels."""
    order = "yx" if isinstance(layer, StatefulLoss) else CASES[case][2]
    given = [{"x": x, "y": y}[name] for name in order]
    out = layer(*given, **told)
    return out[-1] if isinstance(out, tuple) else out


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as file:
        return dict(file)


@pytest.mark.parametrize("case", CASES)
def test_layers_have_the_figures_of_tensorflow_1(case, golden):
    layer = made(case, **({"reduction": None} if case in ("average", "inner") else {}))
    told = {"training": True} if isinstance(layer, StatefulLoss) or case == "collected" else {}
    steps = [tuple(map(ops.convert_to_tensor, step)) for step in inputs(case)]
    called(layer, case, *steps[0], **told | {"training": False} if told else {})
    found = variables(layer)
    start = {k.split("start_")[1]: v for k, v in golden.items() if k.startswith(f"{case}/start_")}
    assert found.keys() <= start.keys()
    for name, variable in found.items():
        if not np.ptp(start[name]):  # no random one
            np.testing.assert_array_equal(number(variable), start[name])
        variable.assign(start[name])
    trained = sorted((v for v in layer.trainable_weights), key=lambda v: v.name)
    for n, (x, y) in enumerate(steps):
        value = number(called(layer, case, x, y, **told))
        np.testing.assert_allclose(value, golden[f"{case}/{n}_value"], rtol=1e-4, atol=1e-5)
        for name, variable in found.items():
            after = golden[f"{case}/{n}_after_{name}"]
            np.testing.assert_allclose(number(variable), after, rtol=1e-4, atol=1e-5)
    # The slopes of the last step, of variables as they were before it.
    for name, variable in found.items():
        variable.assign(golden[f"{case}/{STEPS - 2}_after_{name}"])
    frozen = {"training": False} if told else {}

    def loss(x, *weights):
        with keras.StatelessScope(state_mapping=list(zip(trained, weights, strict=True))):
            return ops.mean(called(layer, case, x, y, **frozen))

    values = [ops.convert_to_tensor(number(v)) for v in trained]
    _, slopes = _backend.value_and_gradient(loss, [x, *values])
    for name, slope in zip(["x", *(v.name for v in trained)], slopes, strict=True):
        expected = golden.get(f"{case}/{STEPS - 1}_slope_{name}", np.zeros(()))  # 0: not used
        np.testing.assert_allclose(number(slope), expected, rtol=1e-3, atol=1e-5)
    moved = any(not np.array_equal(golden[f"{case}/2_after_{n}"], start[n]) for n in found)
    assert moved == (case not in ("margin", "logits", "logits_scaled", "never"))


@pytest.mark.parametrize("case", ["margin", "two_variables", "inner"])
def test_layers_train_in_a_model_and_are_saved(case, tmp_path):
    ids = CASES[case][4]
    random = np.random.default_rng(0)
    x = random.normal(size=(10, 3)).astype("float32")  # the last batch is smaller
    y = random.integers(0, 4, 10).astype("int32")
    y = np.eye(4, dtype="float32")[y] if ids == "one-hot" else y
    network = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4 if ids == "one-hot" else 2)]
    )
    model = training.LossModel(network, made(case))
    model.compile("sgd")
    start = [number(v) for v in model.loss_fn.weights]
    model.fit(x, y, batch_size=4, verbose=0)
    moved = [number(v) for v in model.loss_fn.weights]
    assert start and all(np.abs(a - b).max() > 0 for a, b in zip(start, moved, strict=True))
    loss = model.evaluate(x, y, batch_size=4, verbose=0)
    for variable, value in zip(model.loss_fn.weights, moved, strict=True):
        np.testing.assert_array_equal(number(variable), value)  # it moves in `fit` alone
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.evaluate(x, y, batch_size=4, verbose=0), loss, rtol=1e-5)

"""The figures recorded from TensorFlow 1.15 against the NumPy reference; no backend is used."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.references.center import center_loss, center_update, softmax_cross_entropy

GOLDEN = Path(__file__).parent / "golden"
FITS = ["sgd", "adam", "validated"]


def load(path):
    with np.load(path, allow_pickle=False) as recorded:
        return {key: recorded[key] for key in recorded.files}


def steps(recorded, inputs):
    """Each step's inputs and figures, with the centers as they were `before` it."""
    before = np.zeros(recorded["centers"].shape[1:])
    for i in range(len(recorded[inputs])):
        step = {k: v[i] if v.ndim and k != "versions" else v for k, v in recorded.items()}
        yield step, before
        before = step["centers"]


def derivative(function, x, step=1e-4):
    """Central differences of a scalar function, one element at a time."""
    x = np.asarray(x, "float64")
    slope = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += step
        down[i] -= step
        slope[i] = (function(up) - function(down)) / (2 * step)
    return slope


def joint_loss(labels, logits, centers, weight):
    center = center_loss(labels, logits, centers).sum()
    return softmax_cross_entropy(labels, logits) + weight * center


def assert_close(actual, expected, atol=2e-6):
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=atol)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("center_steps_*.npz")), ids=lambda p: p.stem)
def test_center_steps(path):
    for step, before in steps(load(path), "features"):
        labels, features = step["labels"], step["features"]
        assert_close(step["loss"], center_loss(labels, features, before).sum())
        slope = derivative(lambda x, y=labels, c=before: center_loss(y, x, c).sum(), features)
        assert_close(step["gradient"], slope)
        after = center_update(labels, features, before, step["alpha"], "count")
        assert_close(step["centers"], after)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("joint_steps_*.npz")), ids=lambda p: p.stem)
def test_joint_steps(path):
    for step, before in steps(load(path), "logits"):
        labels, logits, weight = step["one_hot"].argmax(-1), step["logits"], step["weight"]
        # float32 leaves an error of the size of the logits, not of a near-zero cross-entropy
        atol = 1e-7 * np.ptp(logits) + 1e-6
        assert_close(step["cross_entropy"], softmax_cross_entropy(labels, logits), atol)
        assert_close(step["center_loss"], center_loss(labels, logits, before).sum())
        assert_close(step["loss"], joint_loss(labels, logits, before, weight), atol)

        def total(x, y=labels, c=before, w=weight):
            return joint_loss(y, x, c, w).sum()

        slope = derivative(total, logits)
        assert_close(step["gradient_of_sum"], slope)
        assert_close(step["gradient_of_mean"], slope / len(labels))
        after = center_update(labels, logits, before, step["alpha"], "count")
        assert_close(step["centers"], after)
        np.testing.assert_array_equal(step["accuracy"], logits.argmax(-1) == labels)


def forward(weights, x):
    kernel, bias, out_kernel, out_bias = weights
    hidden = np.maximum(x @ kernel + bias, 0)
    return hidden, hidden @ out_kernel + out_bias


def joint_gradient(weights, x, one_hot, centers, weight):
    """The mean joint loss of a batch differentiated by the weights of the two layers."""
    hidden, logits = forward(weights, x)
    softmax = np.exp(logits - logits.max(-1, keepdims=True))
    softmax /= softmax.sum(-1, keepdims=True)
    delta = (softmax - one_hot) / len(x) + weight * (logits - centers[one_hot.argmax(-1)])
    back = (delta @ weights[2].T) * (hidden > 0)
    return [x.T @ back, back.sum(0), hidden.T @ delta, delta.sum(0)]


def optimizer_step(config, state, weights, gradient):
    """One step of plain SGD or of Adam with TensorFlow's place for epsilon."""
    rate = config["learning_rate"]
    if config["name"] == "SGD":
        return [w - rate * g for w, g in zip(weights, gradient, strict=True)]
    beta_1, beta_2 = config["beta_1"], config["beta_2"]
    state["t"] = t = state.get("t", 0) + 1
    first, second = state.setdefault("moments", ([0.0] * 4, [0.0] * 4))
    rate *= np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    for i, g in enumerate(gradient):
        first[i] = beta_1 * first[i] + (1 - beta_1) * g
        second[i] = beta_2 * second[i] + (1 - beta_2) * g**2
    return [
        w - rate * m / (np.sqrt(v) + config["epsilon"])
        for w, m, v in zip(weights, first, second, strict=True)
    ]


class Fit:
    """A fit of the recorded model in float64, which meets the recorded figures on its way."""

    def __init__(self, run):
        recorded = load(GOLDEN / "center_fit.npz")
        self.run = {k[len(run) + 1 :]: v for k, v in recorded.items() if k.startswith(run + "_")}
        self.data = {k: v for k, v in recorded.items() if k.split("_")[0] not in FITS}
        self.weights = [self.data[f"initial_weight_{i}"].astype("float64") for i in range(4)]
        self.centers = np.zeros((5, 5))

    def evaluate(self, x, one_hot, moving=True):
        """The mean loss of each batch of 16; `moving`: the centers go on, as in TF1."""
        losses = []
        for i in range(0, len(x), 16):
            labels, logits = one_hot[i : i + 16].argmax(-1), forward(self.weights, x[i : i + 16])[1]
            losses.append(joint_loss(labels, logits, self.centers, self.data["weight"]).mean())
            if moving:
                self.centers = center_update(labels, logits, self.centers, self.data["alpha"])
        return np.array(losses)

    def train(self):
        """The loss of every batch, and the centers after it."""
        config, state = json.loads(str(self.run["optimizer"])), {}
        x, one_hot = self.data["train_x"].astype("float64"), self.data["train_y"]
        for epoch, recorded_losses in enumerate(self.run["batch_loss"]):
            for batch in range(len(recorded_losses)):
                rows = slice(16 * batch, 16 * batch + 16)
                gradient = joint_gradient(
                    self.weights, x[rows], one_hot[rows], self.centers, self.data["weight"]
                )
                yield epoch, batch, self.evaluate(x[rows], one_hot[rows])[0]
                self.weights = optimizer_step(config, state, self.weights, gradient)
            if "validation_order" in self.run:
                order = self.run["validation_order"][epoch]
                losses = self.evaluate(*(array[order] for array in self.held_out))
                assert_close(self.run["validation_batch_loss"][epoch], losses)
                mean = np.average(losses, weights=[16, 8])
                assert_close(self.run["validation_loss"][epoch], mean)

    @property
    def held_out(self):
        return self.data["validation_x"], self.data["validation_y"]


@pytest.mark.parametrize("run", FITS)
def test_fit(run):
    fit = Fit(run)
    for epoch, batch, loss in fit.train():
        assert_close(fit.run["batch_loss"][epoch, batch], loss)
        assert_close(fit.run["batch_centers"][epoch, batch], fit.centers)
    for i, weight in enumerate(fit.weights):
        assert_close(fit.run[f"weight_{i}"], weight)
    assert_close(fit.run["centers"], fit.centers)
    assert_close(fit.run["epoch_loss"], fit.run["batch_loss"].mean(axis=1))
    np.testing.assert_array_equal(fit.run["predict_centers"], fit.run["centers"])
    assert_close(fit.run["predict"], forward(fit.weights, fit.held_out[0])[1])

    still = np.average(fit.evaluate(*fit.held_out, moving=False), weights=[16, 8])
    for loss, centers in zip(fit.run["evaluate_loss"], fit.run["evaluate_centers"], strict=True):
        moved = np.average(fit.evaluate(*fit.held_out), weights=[16, 8])
        np.testing.assert_allclose(loss, moved, rtol=1e-6)
        assert_close(centers, fit.centers)  # TF1 moves the centers in `evaluate` too
        assert abs(loss - still) > 1e-5 * still  # and what it reports shows it


@pytest.mark.parametrize(("rule", "expected"), [("count", 1.3), ("sum", 1.1), ("mean", 1.45)])
def test_update_rules_by_hand(rule, expected):
    # differences 1 - 3 and 1 - 0 add up to -1, over 3, over 1 and over 2; the step of "sum" is 0.1
    after = center_update([0, 0], [[3.0], [0.0]], [[1.0], [5.0]], 0.9, rule)
    np.testing.assert_allclose(after, [[expected], [5.0]], rtol=1e-12)


def test_every_file_says_what_made_it():
    for path in [*GOLDEN.glob("center_*.npz"), *GOLDEN.glob("joint_*.npz")]:
        made_by = json.loads(str(load(path)["versions"]))
        assert made_by["tensorflow"] == "1.15.5"

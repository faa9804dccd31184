"""Contrastive loss: what the contract suite does not say of it."""

import numpy as np
import pytest
from keras import ops

from portable_losses.losses import Contrastive, contrastive
from tests import autodiff
from tests.references import pairs as reference


@pytest.fixture
def embedded(rng):
    """Labels, and the two embeddings of each pair."""
    first, second = rng.normal(scale=0.4, size=(2, 6, 3)).astype("float32")
    return rng.integers(0, 2, 6), first, second


def numbers(values):
    return ops.convert_to_numpy(values)


def test_every_form_of_a_pair_is_the_same(embedded):
    y_true, first, second = embedded
    expected = reference.contrastive(y_true, np.stack([first, second], axis=1))
    distance = np.linalg.norm(first - second, axis=1)
    tensors = ops.convert_to_tensor(first), ops.convert_to_tensor(second)
    stacked = np.stack([first, second], axis=1)
    forms = {
        "stacked": stacked,
        "written out": stacked.tolist(),
        "tuple": (first, second),
        "tuple of tensors": tensors,
        "list of arrays": [first, second],
        "list of tensors": list(tensors),
        "distances": distance,
        "column": distance[:, None],
        "distances written out": distance.tolist(),
    }
    for form, y_pred in forms.items():
        for labels in (y_true, y_true[:, None], y_true.astype("float32"), y_true == 1):
            values = numbers(contrastive(labels, y_pred))
            np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6, err_msg=form)
        loss = Contrastive(reduction="none")(y_true, y_pred)
        np.testing.assert_allclose(numbers(loss), expected, rtol=1e-5, atol=1e-6, err_msg=form)


def test_two_distances_are_no_pair_of_embeddings():
    for y_pred in ([0.5, 2.0], (0.5, 2.0), [[0.5], [2.0]]):
        np.testing.assert_allclose(numbers(contrastive([1, 0], y_pred)), [0.25, 0.0])


def test_blended_labels():
    np.testing.assert_allclose(numbers(contrastive([0.25], [0.5])), [0.25], rtol=1e-6)


def test_gradient_by_both_embeddings(embedded):
    y_true, first, second = embedded

    def loss(x):
        return ops.sum(contrastive(y_true, (x, ops.convert_to_tensor(second))))

    def mirrored(x):
        return ops.sum(contrastive(y_true, (ops.convert_to_tensor(first), x)))

    towards, away = autodiff.gradient(loss, first), autodiff.gradient(mirrored, second)
    assert np.abs(towards).max() > 0
    np.testing.assert_allclose(towards, -away, rtol=1e-5, atol=1e-6)


def test_in_a_compiled_function(embedded):
    y_true, first, second = embedded

    def loss(y_true, first, second):
        return contrastive(y_true, (first, second))

    tensors = [ops.convert_to_tensor(x) for x in (y_true.astype("int32"), first, second)]
    expected = reference.contrastive(y_true, np.stack([first, second], axis=1))
    actual = numbers(autodiff.compiled(loss)(*tensors))
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("margin", [-1.0, float("nan")])
def test_a_bad_margin_is_refused(margin):
    for make in (
        lambda: Contrastive(margin=margin),
        lambda: contrastive([1], [0.5], margin=margin),
    ):
        with pytest.raises(ValueError, match=r"`margin` must be at least 0. Received: margin="):
            make()


@pytest.mark.parametrize("label", [2.0, -0.5, float("nan")])
def test_a_label_outside_of_0_to_1_is_refused(label):
    with pytest.raises(ValueError, match=r"`y_true` must lie in \[0, 1\].*Received: "):
        contrastive([1.0, label], [0.5, 0.5])


def test_class_ids_are_refused():
    with pytest.raises(ValueError, match=r"1 for a similar pair, 0 for another. Received: 3.0"):
        contrastive([3, 1], [0.5, 0.5])


@pytest.mark.parametrize(
    "shape", [(4, 3), (4, 3, 2), (4, 2, 3, 1), ()], ids=["columns", "triples", "rank 4", "scalar"]
)
def test_other_shapes_of_predictions_are_refused(shape):
    with pytest.raises(ValueError, match=r"`y_pred` must hold distances.*Received: y_pred of"):
        contrastive(np.zeros(4), np.zeros(shape))


def test_embeddings_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match=r"y_pred of shape \(4, 3\) and \(4, 2\)"):
        contrastive(np.zeros(4), (np.zeros((4, 3)), np.zeros((4, 2))))


@pytest.mark.parametrize("shape", [(3,), (4, 2), (1, 4)], ids=str)
def test_other_shapes_of_labels_are_refused(shape):
    with pytest.raises(ValueError, match=r"`y_true` must have one entry per pair.*for 4 pairs"):
        contrastive(np.zeros(shape), np.zeros(4))

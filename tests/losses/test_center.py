"""What the contract suite does not say of center loss: errors, and batches of one class."""

import numpy as np
import pytest
from keras import ops

from portable_losses import losses


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"num_classes": 0}, "`num_classes` must be a positive integer. Received: num_classes=0"),
        ({"num_classes": 2.5}, "`num_classes` must be a positive integer"),
        ({"num_classes": 3, "alpha": -0.1}, "`alpha` must be at least 0. Received: alpha=-0.1"),
        ({"num_classes": 3, "update": "often"}, "`update` must be one of ('count', 'sum', 'mean')"),
        ({"num_classes": 3, "distance": "l1"}, "`distance` must be one of ('half_sum', 'mean')"),
        ({"num_classes": 3, "embedding_dim": 0}, "`embedding_dim` must be a positive integer"),
        ({"num_classes": 3, "reduction": "auto"}, "The old 'auto' is 'sum_over_batch_size'"),
    ],
)
def test_bad_settings(settings, text):
    with pytest.raises(ValueError) as caught:
        losses.CenterLoss(**settings)
    assert text in str(caught.value)


def test_bad_settings_of_the_joint_loss():
    with pytest.raises(ValueError, match="`center_reduction` must be one of"):
        losses.SoftmaxCenterLoss(3, center_reduction="sum")
    with pytest.raises(ValueError, match="`weight` must be at least 0"):
        losses.SoftmaxCenterLoss(3, weight=-1.0)
    with pytest.raises(ValueError, match=r"num_classes=3 logits per sample. Received: 4"):
        losses.SoftmaxCenterLoss(3)([0], [[1.0, 2.0, 3.0, 4.0]], training=True)


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([0, 3], r"Class ids must lie in [0, 3) for num_classes=3. Received: 3"),
        ([0, -1], r"Class ids must lie in [0, 3) for num_classes=3. Received: -1"),
        ([0.0, 1.5], "Class ids must be whole numbers. Received: 1.5"),
        ([0, 1, 2], "one label per sample. Received: y_true.shape=(3,), y_pred.shape=(2, 4)"),
        (np.zeros((2, 5)), "one-hot rows of shape (N, 3). Received: y_true.shape=(2, 5)"),
    ],
)
def test_bad_labels(labels, text):
    loss = losses.CenterLoss(3, embedding_dim=4)
    with pytest.raises(ValueError) as caught:
        loss(np.asarray(labels), np.ones((2, 4), "float32"), training=True)
    assert text in str(caught.value)
    assert np.abs(ops.convert_to_numpy(loss.centers)).max() == 0, "bad input moved a center"


def test_bad_features():
    with pytest.raises(ValueError, match=r"length embedding_dim=4. Received: length 2"):
        losses.CenterLoss(3, embedding_dim=4).build((None,), (None, 2))
    with pytest.raises(ValueError, match=r"Features must have shape \(N, d\)"):
        losses.center_loss([0], [[[1.0]]], [[1.0]])


def test_one_class_costs_no_cross_entropy():
    for labels in ([0, 0], [[0], [0]]):
        loss = losses.SoftmaxCenterLoss(1, weight=1.0)
        assert float(loss(labels, [[2.0], [4.0]], training=True)) == pytest.approx(5.0)
        assert float(ops.convert_to_numpy(loss.centers)[0, 0]) == pytest.approx(1.0)

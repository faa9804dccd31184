"""Older names of metrics over batches. The figures are those of TensorFlow 1.15.5, after the same
batch twice."""

import numpy as np
import pytest

from portable_losses.compat import tf1 as tf

P = np.float32([[0.1, 0.9, 0.4], [0.6, 0.3, 0.7]])
L = np.float32([[0, 1, 1], [1, 0, 0]])
W = np.float32([[1, 2, 1], [0.5, 1, 0]])
IDS, FOUND = np.int32([[0, 1, 1], [2, 1, 2]]), np.int32([[0, 2, 1], [1, 1, 2]])
IDS_W = np.int32([[1, 1, 0], [1, 1, 1]])
SCORES, TRUE = np.float32([[0.2, 0.5, 0.3], [0.1, 0.2, 0.7]]), np.int32([1, 0])
B, AT = np.float32(P > 0.5), [0.25, 0.65]
EXPECTED = {
    "accuracy": ((FOUND, IDS, IDS_W), 0.6),
    "auc": ((P, L, W), 0.9999998),
    "mean": ((P, W), 0.5272727),
    "mean_tensor": ((P, W), [[0.1, 0.9, 0.4], [0.6, 0.3, 0.0]]),
    "mean_absolute_error": ((P, L, W), 0.2545455),
    "mean_cosine_distance": ((P, L, 1), 0.05),
    "mean_iou": ((FOUND, IDS, 3, IDS_W), 0.5555556),
    "mean_relative_error": ((P, L, P + 1.0, W), 0.1782751),
    "mean_squared_error": ((P, L, W), 0.1018182),
    "root_mean_squared_error": ((P, L, W), 0.3190896),
    "percentage_less": ((P, 0.5, W), 0.5454546),
    "precision": ((B, L, W), 1.0),
    "recall": ((B, L, W), 0.7142857),
    "true_positives": ((B, L, W), 5.0),
    "true_negatives": ((B, L, W), 4.0),
    "false_positives": ((B, L, W), 0.0),
    "false_negatives": ((B, L, W), 2.0),
    "precision_at_thresholds": ((P, L, AT, W), [0.7777778, 1.0]),
    "recall_at_thresholds": ((P, L, AT, W), [1.0, 0.5714286]),
    "true_positives_at_thresholds": ((P, L, AT, W), [7.0, 4.0]),
    "true_negatives_at_thresholds": ((P, L, AT, W), [2.0, 4.0]),
    "false_positives_at_thresholds": ((P, L, AT, W), [2.0, 0.0]),
    "false_negatives_at_thresholds": ((P, L, AT, W), [0.0, 3.0]),
    "sensitivity_at_specificity": ((P, L, 0.99, W[::-1]), 0.5),
    "recall_at_k": ((SCORES, TRUE, 1, np.float32([1, 3])), 0.25),
    "sparse_recall_at_k": ((SCORES, TRUE[:, None], 1), 0.5),
}


def tensors(given):
    return [tf.constant(x) if isinstance(x, np.ndarray) else x for x in given]


def test_streaming_metrics():
    with tf.Graph().as_default(), tf.Session() as session:
        names = [n for n in dir(tf.contrib.metrics) if n.startswith("streaming_")]
        assert set(EXPECTED) == {n.removeprefix("streaming_") for n in names}
        made = {
            name: getattr(tf.contrib.metrics, f"streaming_{name}")(*tensors(given))
            for name, (given, _) in EXPECTED.items()
        }
        session.run(tf.local_variables_initializer())
        for _ in range(2):
            updated = session.run({name: update for name, (_, update) in made.items()})
        found = session.run({name: value for name, (value, _) in made.items()})
    for name, (_, expected) in EXPECTED.items():
        np.testing.assert_allclose(found[name], expected, 1e-5, 1e-6, err_msg=name)
        if name != "mean_iou":  # of which the update is the matrix in TF1
            np.testing.assert_allclose(updated[name], expected, 1e-5, 1e-6, err_msg=name)


def test_the_confusion_matrix_over_batches():
    """As the package tf_metrics takes it."""
    from portable_losses.compat.tf1 import python

    function = python.ops.metrics_impl._streaming_confusion_matrix
    with tf.Graph().as_default(), tf.Session() as session:
        ids, found, weights = (tf.placeholder(tf.int32, [None, 3]) for _ in range(3))
        total, update = function(ids, found, 3, weights)
        assert total.op.name == "total_confusion_matrix" and total.dtype == tf.float64
        share = tf.reduce_sum(tf.diag_part(total * np.eye(3))) / tf.reduce_sum(total)
        session.run(tf.local_variables_initializer())
        once = [[1, 0, 0], [0, 1, 1], [0, 1, 1]]
        for times in (1, 2):
            moved = session.run(update, {ids: IDS, found: FOUND, weights: IDS_W})
            assert moved.tolist() == (times * np.array(once)).tolist()
        assert session.run(total).tolist() == [[2, 0, 0], [0, 2, 2], [0, 2, 2]]
        assert session.run(share) == pytest.approx(0.6)
    with pytest.raises(RuntimeError, match=r"keras\.metrics\.Metric"):
        function(IDS, FOUND, 3)

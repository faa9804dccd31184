"""Cross-entropies."""

import numpy as np

from tests.contract.case import Case
from tests.references import crossentropy as reference

CLASSES = 4
EPSILON = np.float32(1e-7)


def f32(*rows):
    return np.array(rows, "float32")


def softmax(x):
    x = np.exp(x)
    return (x / x.sum(-1, keepdims=True)).astype("float32")


def yes_or_no(*shape):
    def build(rng, n):
        y_true = rng.integers(0, 2, (n, *shape)).astype("float32")
        return y_true, rng.uniform(0.05, 0.95, (n, *shape)).astype("float32")

    return build


def one_hot(*shape):
    def build(rng, n):
        y_true = np.eye(CLASSES, dtype="float32")[rng.integers(0, CLASSES, (n, *shape))]
        return y_true, softmax(rng.normal(size=(n, *shape, CLASSES)))

    return build


def ids(*shape):
    def build(rng, n):
        y_true = rng.integers(0, CLASSES, (n, *shape)).astype("int32")
        return y_true, softmax(rng.normal(size=(n, *shape, CLASSES)))

    return build


SOFTMAX_EDGES = {
    "certain and right": f32([1, 0, 0, 0]),
    "certain and wrong": f32([0, 1, 0, 0]),
    "at epsilon": f32([EPSILON, 1 - EPSILON, 0, 0]),
    "below epsilon": f32([1e-9, 1, 0, 0]),
    "uniform": np.full((1, 4), 0.25, "float32"),
    "no probability at all": np.zeros((1, 4), "float32"),
    "not normalised": f32([1e4, 1, 3, 0]),
}

CASES = {
    "BinaryCrossentropy": Case(
        reference=reference.binary_crossentropy,
        batch=yes_or_no(3),
        sequence=yes_or_no(2, 3),
        settings=(
            {},
            {"from_logits": True},
            {"label_smoothing": 0.2},
            {"from_logits": True, "label_smoothing": 1.0, "axis": 1},
        ),
        degenerate={
            "certain and right": (f32([1, 0]), f32([1, 0])),
            "certain and wrong": (f32([1, 0]), f32([0, 1])),
            "at epsilon": (f32([1, 1]), f32([EPSILON, 1 - EPSILON])),
            "below epsilon": (f32([1, 0]), f32([1e-9, 1e-9])),
            "batch of one": (f32([1]), f32([0.5])),
            "all labels alike": (np.ones((4, 2), "float32"), np.full((4, 2), 0.5, "float32")),
            "no probability": (f32([1, 0]), f32([1.5, -0.5])),
        },
        kinks=(
            (f32([1], [0]), f32([0], [1]), [[0], [0]]),
            (f32([1], [0]), f32([1], [0]), [[-1], [1]]),
            (f32([1]), f32([EPSILON]), [[-1e7]]),
            (f32([1], [0]), f32([1.5], [-0.5]), [[0], [0]]),
        ),
    ),
    "CategoricalCrossentropy": Case(
        reference=reference.categorical_crossentropy,
        batch=one_hot(),
        sequence=one_hot(3),
        settings=(
            {},
            {"from_logits": True},
            {"label_smoothing": 0.2},
            {"from_logits": True, "label_smoothing": 0.3, "axis": 1},
        ),
        degenerate={name: (f32([1, 0, 0, 0]), p) for name, p in SOFTMAX_EDGES.items()}
        | {
            "no label": (np.zeros((2, 4), "float32"), np.full((2, 4), 0.25, "float32")),
            "labels are soft": (f32([0.5, 0.5, 0, 0]), f32([0.1, 0.9, 0, 0])),
        },
        kinks=(
            (f32([0, 1]), f32([1, 0]), [[0, 0]]),
            (f32([1, 0]), f32([1, 0]), [[0, 1]]),
            (f32([0, 1]), f32([0, 0]), [[0, 0]]),
            (f32([0, 1]), f32([1 - EPSILON, EPSILON]), [[1, -1e7]]),
        ),
    ),
    "SparseCategoricalCrossentropy": Case(
        reference=reference.sparse_categorical_crossentropy,
        batch=ids(),
        sequence=ids(3),
        # The ignored class is none of the labels: what it does to a mean has tests of its own.
        settings=({}, {"from_logits": True}, {"ignore_class": -1}),
        degenerate={name: (np.array([0]), p) for name, p in SOFTMAX_EDGES.items()}
        | {"one class": (np.zeros(4, "int32"), np.full((4, 4), 0.25, "float32"))},
        kinks=(
            (np.array([1]), f32([1, 0]), [[0, 0]]),
            (np.array([0]), f32([1, 0]), [[0, 1]]),
            (np.array([1]), f32([0, 0]), [[0, 0]]),
            (np.array([1]), f32([1 - EPSILON, EPSILON]), [[1, -1e7]]),
        ),
    ),
}

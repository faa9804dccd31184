"""Every loss with state trains on images of digits, is saved, and goes on as if it had not been.

`python examples/digits.py [LOSS ...]` with KERAS_BACKEND set; needs scikit-learn, which brings the
images. Fails if a loss stays below its stated accuracy on the test images, or if training resumed
from a file differs from training that was not interrupted.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from portable_losses import losses, training
from portable_losses._catalogue import CATALOGUE

CLASSES, DIM, EPOCHS = 10, 16, 12

# How to make each loss, its weight beside the softmax (None: it trains the network alone), and
# the accuracy to reach.
LOSSES: dict[str, tuple[Callable[[], Any], float | None, float]] = {
    "AdaCos": (lambda: losses.AdaCos(CLASSES), None, 0.95),
    # the lengths of these embeddings are some 5, not the 20 of the paper's networks
    "AdaFace": (lambda: losses.AdaFace(CLASSES, scale=16.0, t_alpha=0.1), None, 0.95),
    "ArcFace": (lambda: losses.ArcFace(CLASSES, scale=16.0), None, 0.95),
    "CenterLoss": (lambda: losses.CenterLoss(CLASSES), 0.03, 0.95),
    "ClassBalanced": (
        lambda: losses.ClassBalanced(
            losses.SparseCategoricalCrossentropy(from_logits=True), CLASSES
        ),
        None,
        0.95,
    ),
    "ContrastiveCenter": (lambda: losses.ContrastiveCenter(CLASSES), 0.1, 0.95),
    "CosFace": (lambda: losses.CosFace(CLASSES, scale=16.0), None, 0.95),
    "CrossBatchMemory": (
        lambda: losses.CrossBatchMemory(losses.SupCon(), memory_size=256),
        None,
        0.95,
    ),
    "CurricularFace": (lambda: losses.CurricularFace(CLASSES, scale=16.0), None, 0.95),
    "DINO": (lambda: losses.DINO(DIM), 0.01, 0.95),  # of two views, without a teacher of its own
    "DynamicSoftMargin": (lambda: losses.DynamicSoftMargin(), None, 0.8),
    "InstanceLoss": (lambda: losses.InstanceLoss(CLASSES), None, 0.95),
    "IslandLoss": (lambda: losses.IslandLoss(CLASSES), 0.01, 0.95),
    "MagFace": (
        lambda: losses.MagFace(CLASSES, l_a=1.0, u_a=11.0, lambda_g=1.0, scale=16.0),
        None,
        0.95,
    ),
    "NormalizedSoftmax": (lambda: losses.NormalizedSoftmax(CLASSES), None, 0.95),
    "P2SGrad": (lambda: losses.P2SGrad(CLASSES, learning_rate_multiplier=3.0), None, 0.95),
    "PartialFC": (
        # a batch of 64 needs room for 64 classes, so there are ninety that no image is of
        lambda: losses.PartialFC(losses.ArcFace(100, scale=16.0), sample_rate=0.64, seed=0),
        None,
        0.95,
    ),
    "ProxyAnchor": (lambda: losses.ProxyAnchor(CLASSES), None, 0.95),
    "ProxyNCA": (lambda: losses.ProxyNCA(CLASSES, learning_rate_multiplier=3.0), None, 0.95),
    "RingLoss": (lambda: losses.RingLoss(), 1.0, 0.95),
    "SoftTriple": (lambda: losses.SoftTriple(CLASSES, centers_per_class=3), None, 0.95),
    "SoftmaxCenterLoss": (lambda: losses.SoftmaxCenterLoss(CLASSES, weight=0.01), None, 0.95),
    "SphereFace": (lambda: losses.SphereFace(CLASSES, margin=2), None, 0.95),
    "SubCenterArcFace": (
        lambda: losses.SubCenterArcFace(CLASSES, sub_centers=2, scale=16.0),
        None,
        0.95,
    ),
    "TrainedSettings": (
        lambda: losses.TrainedSettings(losses.NTXent(temperature=0.5), "temperature"),
        None,
        0.95,
    ),
    "TripletCenter": (lambda: losses.TripletCenter(CLASSES), None, 0.95),
}
# Their predictions are the logits themselves.
OF_LOGITS = {"ClassBalanced", "SoftmaxCenterLoss"}
# Their predictions are two views: of the image, and of the image with its rows blurred.
OF_VIEWS = {"DynamicSoftMargin"}


def network(joint: bool, dim: int) -> keras.Model:
    inputs = keras.Input((64,))
    hidden = keras.layers.Dense(128, activation="relu")(inputs)
    features = keras.layers.Dense(dim)(hidden)
    if not joint:
        return keras.Model(inputs, features)
    return keras.Model(
        inputs, {"features": features, "logits": keras.layers.Dense(CLASSES)(features)}
    )


def network_of_views(dim: int) -> keras.Model:
    """Features of an image and of the same a pixel to the left, twice: the second time they are
    the teacher's, to which no gradient flows."""
    inputs = keras.Input((64,))
    image = keras.layers.Reshape((8, 8, 1))(inputs)
    moved = keras.layers.Cropping2D(((0, 0), (1, 0)))(image)
    moved = keras.layers.ZeroPadding2D(((0, 0), (0, 1)))(moved)
    hidden, outputs = keras.layers.Dense(128, activation="relu"), keras.layers.Dense(dim)
    views = [outputs(hidden(keras.layers.Flatten()(view))) for view in (image, moved)]
    features = keras.layers.Reshape((4, dim))(keras.layers.Concatenate()([*views, *views]))
    return keras.Model(
        inputs, {"features": features, "logits": keras.layers.Dense(CLASSES)(views[0])}
    )


def of_views(embed: keras.Model) -> keras.Model:
    inputs = keras.Input((64,))
    rows = keras.layers.Reshape((8, 8))(inputs)
    blurred = keras.layers.AveragePooling1D(2, strides=1, padding="same")(rows)
    views = [embed(inputs), embed(keras.layers.Reshape((64,))(blurred))]
    views = [keras.layers.Reshape((1, DIM))(view) for view in views]
    return keras.Model(inputs, keras.layers.Concatenate(axis=1)(views))


def make(name: str) -> training.LossModel:
    loss, weight, _ = LOSSES[name]
    if weight is None:
        embed = network(False, CLASSES if name in OF_LOGITS else DIM)
        model = training.LossModel(of_views(embed) if name in OF_VIEWS else embed, loss())
    else:
        softmax = losses.SparseCategoricalCrossentropy(from_logits=True)
        model = training.LossModel(
            network_of_views(DIM) if name == "DINO" else network(True, DIM),
            {"logits": softmax, "features": loss()},
            loss_weights={"features": weight},
        )
    model.compile(keras.optimizers.Adam(3e-3))
    return model


def nearest_mean(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Of each test embedding, the class whose mean direction in training is nearest."""
    train, test = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (train, test))
    means = np.stack([train[labels == label].mean(axis=0) for label in range(CLASSES)])
    return test @ means.T


def accuracy(model: training.LossModel, train: Any, test: Any) -> float:
    found = model.predict(test[0], verbose=0)
    if isinstance(found, dict):
        logits = found["logits"]
    elif model.loss_fn.__class__.__name__ in OF_LOGITS:
        logits = found
    elif hasattr(model.loss_fn, "get_logits"):
        logits = keras.ops.convert_to_numpy(model.loss_fn.get_logits(found))
    else:
        seen = model.predict(train[0], verbose=0)
        if seen.ndim == 3:
            seen, found = seen[:, 0], found[:, 0]
        logits = nearest_mean(seen, train[1], found)
    return float(np.mean(np.argmax(logits, axis=1) == test[1]))


def resumes(model: training.LossModel, train: Any) -> float:
    """The largest difference between two more epochs here and two more in a reloaded copy."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        twin = keras.saving.load_model(path)
    histories = [
        copy.fit(*train, epochs=2, batch_size=64, shuffle=False, verbose=0).history["loss"]
        for copy in (model, twin)
    ]
    return float(np.max(np.abs(np.subtract(*histories)) / np.abs(histories[0])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("losses", nargs="*", metavar="LOSS", help="all of them, if none is named")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.losses) - set(LOSSES))
    if unknown:
        parser.error(f"no example for {unknown}; there are {sorted(LOSSES)}")
    with_state = {entry.cls for entry in CATALOGUE if entry.stateful}
    if set(LOSSES) != with_state:
        sys.exit(f"Losses with state and examples differ by {sorted(with_state ^ set(LOSSES))}.")

    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        (x / 16).astype("float32"), y.astype("int32"), test_size=1 / 3, random_state=0, stratify=y
    )
    train, test = (x_train, y_train), (x_test, y_test)
    print(f"{os.environ.get('KERAS_BACKEND')}, {len(x_train)} images, {EPOCHS} epochs; ", end="")
    print(f"accuracy on {len(x_test)} others")
    print(f"{'loss':24}{'accuracy':>10}{'stated':>8}{'resumed':>10}{'seconds':>9}")
    failed = []
    for name in arguments.losses or sorted(LOSSES):
        start = time.perf_counter()
        keras.utils.set_random_seed(0)
        model = make(name)
        model.fit(*train, epochs=EPOCHS, batch_size=64, verbose=0)
        reached, stated = accuracy(model, train, test), LOSSES[name][2]
        difference = resumes(model, train)
        print(f"{name:24}{reached:10.1%}{stated:8.0%}{difference:10.0e}", end="")
        print(f"{time.perf_counter() - start:9.1f}", flush=True)
        if reached < stated or difference > 1e-6:
            failed.append(name)
    if failed:
        sys.exit(f"Below what is stated, or not resumed as it would have gone on: {failed}")


if __name__ == "__main__":
    main()

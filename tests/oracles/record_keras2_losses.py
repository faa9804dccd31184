"""Record what the losses, metrics and optimizers of Keras 2.15 compute, as golden figures.

Runs on Python 3.11 with TensorFlow 2.15.1 and Keras 2.15.0, and writes `keras2_losses.npz`,
`keras2_metrics.npz` and `keras2_optimizers.npz`. README.md beside this file says what they hold.
"""

import argparse
import inspect
import json
import os
import platform
import types

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import tensorflow as tf

B, C = 6, 4  # samples, classes
REDUCTIONS = ("auto", "sum", "none")
# What a loss or metric is given: the kind of its targets and predictions, its settings.
LOSSES = {
    "BinaryCrossentropy": ("binary", [{}, {"label_smoothing": 0.2}, {"from_logits": True}]),
    "BinaryFocalCrossentropy": (
        "binary",
        [{}, {"apply_class_balancing": True, "gamma": 3.0, "label_smoothing": 0.1}],
    ),
    "CategoricalCrossentropy": ("one_hot", [{}, {"label_smoothing": 0.2}]),
    "CategoricalFocalCrossentropy": ("one_hot", [{}, {"alpha": 0.5, "gamma": 1.0}]),
    "SparseCategoricalCrossentropy": ("ids", [{}, {"ignore_class": 1}]),
    "Poisson": ("positive", [{}]),
    "KLDivergence": ("one_hot", [{}]),
    "MeanSquaredError": ("real", [{}]),
    "MeanAbsoluteError": ("real", [{}]),
    "MeanAbsolutePercentageError": ("real", [{}]),
    "MeanSquaredLogarithmicError": ("positive", [{}]),
    "CosineSimilarity": ("real", [{}, {"axis": 0}]),
    "Huber": ("real", [{}, {"delta": 0.4}]),
    "LogCosh": ("real", [{}]),
    "Hinge": ("binary", [{}]),
    "SquaredHinge": ("binary", [{}]),
    "CategoricalHinge": ("one_hot", [{}]),
}
METRICS = {
    "Mean": ("values", {}),
    "Sum": ("values", {}),
    "MeanTensor": ("values", {}),
    "MeanRelativeError": ("real", {"normalizer": [1.0, 2.0, 3.0, 4.0]}),
    "Accuracy": ("ids_of_both", {}),
    "BinaryAccuracy": ("binary", {"threshold": 0.4}),
    "CategoricalAccuracy": ("one_hot", {}),
    "SparseCategoricalAccuracy": ("ids", {}),
    "TopKCategoricalAccuracy": ("one_hot", {"k": 2}),
    "SparseTopKCategoricalAccuracy": ("ids", {"k": 2}),
    "BinaryCrossentropy": ("binary", {"label_smoothing": 0.1}),
    "CategoricalCrossentropy": ("one_hot", {}),
    "SparseCategoricalCrossentropy": ("ids", {}),
    "KLDivergence": ("one_hot", {}),
    "Poisson": ("positive", {}),
    "MeanSquaredError": ("real", {}),
    "RootMeanSquaredError": ("real", {}),
    "MeanAbsoluteError": ("real", {}),
    "MeanAbsolutePercentageError": ("real", {}),
    "MeanSquaredLogarithmicError": ("positive", {}),
    "CosineSimilarity": ("real", {}),
    "LogCoshError": ("real", {}),
    "Hinge": ("binary", {}),
    "SquaredHinge": ("binary", {}),
    "CategoricalHinge": ("one_hot", {}),
    "AUC": ("binary", {"num_thresholds": 50}),
    "Precision": ("binary", {}),
    "Recall": ("binary", {"thresholds": 0.3}),
    "TruePositives": ("binary", {}),
    "TrueNegatives": ("binary", {}),
    "FalsePositives": ("binary", {}),
    "FalseNegatives": ("binary", {"thresholds": [0.2, 0.6]}),
    "PrecisionAtRecall": ("binary", {"recall": 0.5}),
    "RecallAtPrecision": ("binary", {"precision": 0.6}),
    "SensitivityAtSpecificity": ("binary", {"specificity": 0.5}),
    "SpecificityAtSensitivity": ("binary", {"sensitivity": 0.5}),
    "F1Score": ("one_hot", {"average": "macro"}),
    "FBetaScore": ("one_hot", {"beta": 2.0, "average": "micro"}),
    "R2Score": ("real", {}),
    "IoU": ("ids_of_both", {"num_classes": C, "target_class_ids": [0, 2]}),
    "MeanIoU": ("ids_of_both", {"num_classes": C}),
    "BinaryIoU": ("binary", {}),
    "OneHotIoU": ("one_hot", {"num_classes": C, "target_class_ids": [1]}),
    "OneHotMeanIoU": ("one_hot", {"num_classes": C}),
}
UNWEIGHTED = {"F1Score", "FBetaScore", "BinaryIoU"}  # refuse the weights of samples
OPTIMIZERS = {
    "SGD": {"momentum": 0.5, "nesterov": True},
    "Adam": {"amsgrad": True},
    "RMSprop": {"momentum": 0.3},
    "Adagrad": {},
    "Adadelta": {},
    "Adamax": {},
    "Nadam": {},
}
OPTIMIZER_STEPS, RATE, DECAY = 6, 0.05, 0.3


def draw(seed, kind):
    """Targets and predictions of one batch."""
    random = np.random.RandomState(seed)
    one_hot = np.eye(C, dtype="float32")[random.randint(C, size=B)]
    probabilities = random.dirichlet(np.ones(C), size=B).astype("float32")
    if kind == "ids":
        return one_hot.argmax(-1).astype("int32"), probabilities
    if kind == "ids_of_both":
        return one_hot.argmax(-1).astype("int32"), random.randint(C, size=B).astype("int32")
    if kind == "one_hot":
        return one_hot, probabilities
    if kind == "binary":
        y_pred = random.uniform(size=[B, C]).astype("float32")
        y_pred[0, :2] = [0, 1]  # saturated: the clip shows
        return random.randint(2, size=[B, C]).astype("float32"), y_pred
    y_true, y_pred = random.normal(size=[2, B, C]).astype("float32")
    if kind == "positive":
        return np.abs(y_true), np.abs(y_pred) + 0.1
    return y_true, y_pred


def weights(seed):
    return np.random.RandomState(1000 + seed).uniform(size=B).astype("float32")


def versions():
    made_by = {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }
    return json.dumps(made_by, sort_keys=True)


def names(module):
    """Public names of a module: classes with their signatures, functions by their own name."""
    found = {}
    for name in dir(module):
        item = getattr(module, name)
        if name.startswith("_") or isinstance(item, types.ModuleType):
            continue
        if inspect.isclass(item) and name != "Reduction":
            signature = inspect.signature(item)
            found[name] = [
                [p.name, None if p.default is p.empty else repr(p.default)]
                for p in signature.parameters.values()
            ]
        elif not inspect.isclass(item):
            found[name] = item.__name__
    return json.dumps(found, sort_keys=True)


def record_losses():
    recorded = {"names": names(keras.losses), "settings": json.dumps(LOSSES)}
    for seed, (name, (kind, cases)) in enumerate(LOSSES.items()):
        y_true, y_pred = draw(seed, kind)
        recorded[name + "_y_true"], recorded[name + "_y_pred"] = y_true, y_pred
        for i, settings in enumerate(cases):
            given = y_true, 4 * y_pred - 2 if settings.get("from_logits") else y_pred
            for reduction in REDUCTIONS:
                loss = getattr(keras.losses, name)(reduction=reduction, **settings)
                key = f"{name}_{i}_{reduction}"
                recorded[key] = loss(*given).numpy()
                if settings.get("axis") != 0:
                    weighted = loss(*given, sample_weight=weights(seed))
                    recorded[key + "_weighted"] = weighted.numpy()
            x = tf.constant(given[1])
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = getattr(keras.losses, name)(**settings)(y_true, x)
            recorded[f"{name}_{i}_gradient"] = tape.gradient(value, x).numpy()
    return recorded


def record_metrics():
    recorded = {"names": names(keras.metrics), "settings": json.dumps(METRICS)}
    for number, (name, (kind, settings)) in enumerate(METRICS.items()):
        batches = [draw(100 * number + i, kind) for i in range(3)]
        for i, (y_true, y_pred) in enumerate(batches):
            recorded[f"{name}_y_true_{i}"], recorded[f"{name}_y_pred_{i}"] = y_true, y_pred
        for weighted in (False, True):
            if weighted and name in UNWEIGHTED:
                continue
            metric = getattr(keras.metrics, name)(**settings)
            results = []
            for i, (y_true, y_pred) in enumerate(batches):
                given = (y_pred,) if kind == "values" else (y_true, y_pred)
                more = {"sample_weight": weights(number + i)} if weighted else {}
                metric.update_state(*given, **more)
                results.append(np.asarray(metric.result()))
            metric.reset_state()
            recorded[f"{name}_{'weighted' if weighted else 'plain'}"] = np.stack(results)
    return recorded


def record_optimizers():
    """Steps on a bowl that is steeper in some directions; the optimizers that take `decay`."""
    first = np.array([1.0, -2.0, 0.5], "float32")
    steepness = np.array([1.0, 0.3, 4.0], "float32")
    recorded = {"first": first, "steepness": steepness, "settings": json.dumps(OPTIMIZERS)}
    recorded.update(rate=np.float64(RATE), decay=np.float64(DECAY))
    for name, settings in OPTIMIZERS.items():
        optimizer = getattr(keras.optimizers.legacy, name)(RATE, decay=DECAY, **settings)
        w, steps = tf.Variable(first), []
        for _ in range(OPTIMIZER_STEPS):
            optimizer.apply_gradients([(steepness * w, w)])
            steps.append(w.numpy())
        recorded[name] = np.stack(steps)
    return recorded


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
    parser.add_argument("--out", default=beside, help="folder for the .npz files")
    folder = parser.parse_args().out
    os.makedirs(folder, exist_ok=True)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    files = {
        "keras2_losses": record_losses(),
        "keras2_metrics": record_metrics(),
        "keras2_optimizers": record_optimizers(),
    }
    for name, recorded in files.items():
        path = os.path.join(folder, name + ".npz")
        np.savez_compressed(path, versions=versions(), **recorded)
        print(f"{os.path.basename(path)}: {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()

"""Functions in graphs of TensorFlow 1, one text for TensorFlow 1.15 and for `compat.tf1`: losses
and metrics of Keras on nodes, reductions that keep their axes, and `tf.TensorArray`.

Each takes `tf` and returns nodes by name; `fetch` runs them."""

import numpy as np

# Probabilities of four samples, two of them at an end of a rule: a tie, and a wrong sample.
PREDICTED = np.array([[0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.1, 0.5, 0.4], [0.25, 0.25, 0.5]], "f")
ONE_HOT = np.array([[0, 1, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]], "f")
SIGNS = 2 * ONE_HOT - 1

LOSSES = """mean_squared_error mse MSE mean_absolute_error mae mean_absolute_percentage_error mape
mean_squared_logarithmic_error msle binary_crossentropy categorical_crossentropy categorical_hinge
kullback_leibler_divergence kld KLD logcosh poisson""".split()
METRICS = """binary_accuracy categorical_accuracy top_k_categorical_accuracy mse MAE msle kld
binary_crossentropy categorical_crossentropy hinge poisson squared_hinge""".split()
SPARSE = "sparse_categorical_accuracy sparse_categorical_crossentropy".split()


def losses_of_keras(tf):
    losses = tf.keras.losses
    p = tf.placeholder_with_default(PREDICTED, [None, 3])
    y = tf.placeholder_with_default(ONE_HOT, [None, 3])
    # Not `cosine_similarity`, which is minus the cosine in all of Keras 2 but in 1.15's tf.keras.
    found = {name: getattr(losses, name)(y, p) for name in LOSSES}
    found["hinge"] = losses.hinge(tf.constant(SIGNS), p)
    found["squared_hinge"] = losses.squared_hinge(tf.constant(SIGNS), p)
    labels = tf.argmax(y, -1)
    found["sparse"] = losses.sparse_categorical_crossentropy(labels, p)
    found["smoothed"] = losses.categorical_crossentropy(y, p, label_smoothing=0.1)
    found["of_logits"] = losses.binary_crossentropy(y, tf.log(p), from_logits=True)
    found["of_integers"] = losses.mean_squared_error(tf.cast(y, tf.int32), p)
    slopes = {"slope_" + k: tf.gradients(v, p)[0] for k, v in found.items()}
    found.update(slopes)
    return found


def metrics_of_keras(tf):
    metrics = tf.keras.metrics
    p = tf.placeholder_with_default(PREDICTED, [None, 3])
    y = tf.placeholder_with_default(ONE_HOT, [None, 3])
    labels = tf.argmax(y, -1)
    found = {name: getattr(metrics, name)(y, p) for name in METRICS}
    found.update({name: getattr(metrics, name)(labels, p) for name in SPARSE})
    found["cosine_proximity"] = metrics.cosine_proximity(y, p)
    found["at_0.25"] = metrics.binary_accuracy(y, p, threshold=0.25)
    found["top_2"] = metrics.top_k_categorical_accuracy(y, p, k=2)
    found["sparse_top_2"] = metrics.sparse_top_k_categorical_accuracy(labels, p, k=2)
    return found


def kept_axes(tf):
    """What a reduction over all axes keeps of them."""
    x = tf.placeholder_with_default(np.arange(6, dtype="f").reshape(1, 2, 3) / 4 + 1, [None, 2, 3])
    found = {}
    for name in ("sum", "mean", "max", "min", "prod", "logsumexp"):
        found[name] = getattr(tf, "reduce_" + name)(x, keepdims=True)
        found["slope_" + name] = tf.gradients(found[name], x)[0]
    for name in ("std", "variance", "euclidean_norm"):
        found[name] = getattr(tf.math, "reduce_" + name)(x, keepdims=True)
    for name in ("all", "any"):
        found[name] = getattr(tf, "reduce_" + name)(x > 1.2, keepdims=True)
    found["integers"] = tf.reduce_sum(tf.cast(x * 4, tf.int32), keep_dims=True)
    found["count_nonzero"] = tf.count_nonzero(x, keepdims=True)
    for order in ("euclidean", 1, 2, 3, np.inf):
        found["norm_" + str(order) + "_dropped"] = tf.norm(x, ord=order)
        found["norm_" + str(order)] = tf.norm(x, ord=order, keepdims=True)
    found["two_axes"] = tf.reduce_prod(x, [0, 2], keepdims=True)
    found["two_axes_dropped"] = tf.reduce_prod(x, [0, 2])
    found["all_of_two"] = tf.reduce_all(x > 1.2, [1, 2], keepdims=True)
    return found


FUNCTIONS = [losses_of_keras, metrics_of_keras, kept_axes]


def fetch(tf, function):
    """The values of what a function makes."""
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(function(tf))

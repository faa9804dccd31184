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


def arrays(tf):
    """`tf.TensorArray` by Python ints, and in loops: each form, values and gradients."""
    rows = np.arange(8, dtype="f").reshape(4, 2) / 4 - 0.5
    x = tf.placeholder_with_default(rows, [None, 2])
    found, scalar = {}, tf.TensorArray(tf.float32, 3, clear_after_read=False)
    scalar = scalar.write(2, 5.0).write(0, 1.0).write(1, tf.reduce_sum(x))
    found["by_ints"] = scalar.stack()
    found["read"] = scalar.read(1)
    found["gathered"] = scalar.gather([2, 2, 0])
    found["size"] = scalar.size()
    grown = tf.TensorArray(tf.float32, 0, dynamic_size=True)
    for i in range(3):
        grown = grown.write(i, x[i] * 2.0)
    found["grown"] = grown.concat()
    found["scattered"] = tf.TensorArray(tf.float32, 4).scatter([3, 1, 0, 2], x).stack()
    parts = tf.TensorArray(tf.int32, 2).unstack(tf.constant([[1, 2], [3, 4]]))
    found["unstacked"] = parts.read(1)

    entries = tf.TensorArray(tf.float32, 4).unstack(x)
    squares = tf.TensorArray(tf.float32, size=4)  # the shape of its entries is not said

    def square(i, squares):
        return i + 1, squares.write(i, tf.square(entries.read(i)))

    _, squares = tf.while_loop(lambda i, _: i < 4, square, [0, squares])
    found["squares"] = squares.stack()
    found["slope_squares"] = tf.gradients(found["squares"], x)[0]

    sums = tf.TensorArray(tf.float32, 5, element_shape=[2], clear_after_read=False)
    sums = sums.write(0, tf.constant([1.0, -1.0]))

    def add(i, sums):
        return i + 1, sums.write(i, sums.read(i - 1) * x[i - 1] + 1.0)

    _, sums = tf.while_loop(lambda i, _: i < 5, add, [1, sums])
    found["sums"] = sums.stack()
    found["last"] = sums.read(4)
    found["slope_sums"] = tf.gradients(found["last"], x)[0]

    # Of as many entries as there are samples, each with as many columns.
    size = tf.shape(x)[0]
    pairs = tf.TensorArray(tf.float32, size=size, clear_after_read=False)

    def distances(i, pairs):
        return i + 1, pairs.write(i, tf.reduce_sum(tf.square(x - x[i]), 1))

    _, pairs = tf.while_loop(lambda i, _: i < size, distances, [tf.constant(0), pairs])
    found["pairs"] = pairs.stack()
    found["joined"] = tf.reduce_sum(pairs.concat())
    found["slope_pairs"] = tf.gradients(tf.reduce_max(found["pairs"], 1), x)[0]

    # A branch that writes or not, and a loop in a loop.
    chosen = tf.TensorArray(tf.float32, 4, element_shape=[])

    def choose(i, chosen):
        value = tf.reduce_sum(x[i])
        return i + 1, tf.cond(
            value > 0, lambda: chosen.write(i, value), lambda: chosen.write(i, value * 10.0)
        )

    _, chosen = tf.while_loop(lambda i, _: i < 4, choose, [0, chosen])
    found["chosen"] = chosen.stack()
    table = tf.TensorArray(tf.float32, 2)

    def row(i, table):
        def cell(j, cells):
            return j + 1, cells.write(j, tf.cast(i * 3 + j, tf.float32))

        cells = tf.TensorArray(tf.float32, 3)
        _, cells = tf.while_loop(lambda j, _: j < 3, cell, [0, cells])
        return i + 1, table.write(i, cells.stack())

    _, table = tf.while_loop(lambda i, _: i < 2, row, [0, table])
    found["table"] = table.stack()
    return found


FUNCTIONS = [losses_of_keras, metrics_of_keras, kept_axes, arrays]


def fetch(tf, function):
    """The values of what a function makes."""
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(function(tf))

"""Record the variants of center loss that TensorFlow 1 and Keras 2 code has, as golden figures.

Runs on Python 3.7 with TensorFlow 1.15 and NumPy alone, beside `record_tf1.py`, whose sessions and
versions it uses. README.md says what the files hold. Each variant is a graph-mode program: one
function from labels, features and first centers to a loss, an update and the table to read; or a
`tf.keras` layer that is trained and evaluated batch by batch.
"""

import argparse
import os

import numpy as np
import tensorflow as tf
from record_tf1 import open_session, versions
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig

K = tf.keras.backend
CLASSES, SIZE, BATCH = 4, 3, 7
TRAIN, EVALUATE = 5, 2  # steps


def session_as_written():
    """On one thread, and with no constant folded: TF 1.15 makes (1 + 1e-8) - x, which is 1 - x, of
    1 - x + 1e-8, and the moving average of a class's first batch is then 0 / 0."""
    config = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    config.graph_options.rewrite_options.constant_folding = RewriterConfig.OFF
    return tf.Session(config=config)


def variable(first, name="centers", trainable=False):
    return tf.get_variable(name, initializer=tf.constant(first), trainable=trainable)


def counts(labels):
    """How often each sample's class is in the batch, `(N, 1)`."""
    _, position, count = tf.unique_with_counts(labels)
    return tf.cast(tf.reshape(tf.gather(count, position), [-1, 1]), tf.float32)


def facenet(labels, features, first):
    centers = variable(first)
    own = tf.gather(centers, labels)
    update = tf.scatter_sub(centers, labels, (1 - 0.9) * (own - features))
    return tf.reduce_mean(tf.square(features - own)), update


def mean_of_class(labels, features, first):
    """Sums over the classes of the batch, divided by their counts."""
    centers = variable(first)
    own = tf.gather(centers, labels)
    classes, position = tf.unique(labels)
    ones = tf.ones_like(labels, tf.float32)
    total = tf.unsorted_segment_sum(own - features, position, tf.size(classes))
    count = tf.unsorted_segment_sum(ones, position, tf.size(classes))
    update = tf.scatter_sub(centers, classes, 0.5 * total / tf.expand_dims(count, 1))
    loss = tf.reduce_mean(tf.reduce_sum(tf.square(features - own), axis=1)) / 2
    return loss, update


def average(labels, features, first):
    """A moving average for each class, free of the bias of its first value."""
    decay = 0.8
    averages, steps = variable(first), variable(np.zeros([CLASSES], "float32"), "steps")
    before = tf.gather(averages, labels)
    taken = tf.pow(decay, tf.gather(steps, labels))
    own = before / tf.expand_dims(1 - taken + 1e-8, 1)
    loss = tf.nn.l2_loss(features - own)
    classes, position = tf.unique(labels)
    means = tf.math.unsorted_segment_mean(features, position, tf.size(classes))
    with tf.control_dependencies([loss]):
        new = decay * tf.gather(averages, classes) + (1 - decay) * means
        update = tf.group(
            tf.scatter_update(averages, classes, new),
            tf.scatter_add(steps, classes, tf.ones_like(classes, tf.float32)),
        )
    return loss, update


def angular(labels, features, first):
    centers = variable(first)
    directions = tf.nn.l2_normalize(features, axis=1)
    own = tf.nn.l2_normalize(tf.gather(centers, labels), axis=1)
    loss = -tf.reduce_sum(directions * own)
    with tf.control_dependencies([loss]):
        update = tf.scatter_add(centers, labels, directions / counts(labels))
    return loss, update


def by_count(centers, labels, own, features):
    return tf.scatter_sub(centers, labels, 0.5 * (own - features) / (1 + counts(labels)))


def git(labels, features, first):
    centers = variable(first)
    own = tf.gather(centers, labels)
    apart = tf.expand_dims(features, 1) - tf.expand_dims(own, 0)
    apart *= tf.expand_dims(1 - tf.eye(tf.shape(features)[0]), -1)
    loss = tf.nn.l2_loss(features - own) + 0.7 * tf.reduce_mean(1 / (1 + tf.square(apart)))
    return loss, by_count(centers, labels, own, features)


def island(labels, features, first):
    """Of the whole table, the gradient of its term by TensorFlow."""
    alpha, weight = 0.5, 0.3
    centers = variable(first)
    table = tf.identity(centers)
    own = tf.gather(table, labels)
    directions = tf.nn.l2_normalize(table, axis=1)
    cosines = tf.matmul(directions, directions, transpose_b=True) + 1
    term = tf.reduce_sum(cosines - tf.linalg.diag(tf.linalg.diag_part(cosines)))
    loss = tf.nn.l2_loss(features - own) + weight * term
    # each pair is in the sum twice, and once in the paper's step
    part = tf.gradients(term, table)[0] / 2 * weight / (CLASSES - 1)
    pull = tf.unsorted_segment_sum((own - features) / (1 + counts(labels)), labels, CLASSES)
    with tf.control_dependencies([loss, part, pull]):
        update = tf.assign_sub(centers, alpha * (pull + part))
    return loss, update


def read_after(labels, features, first):
    """The loss comes from what `scatter_sub` returns."""
    centers = variable(first)
    moved = by_count(centers, labels, tf.gather(centers, labels), features)
    own = tf.matmul(tf.one_hot(labels, CLASSES), moved)
    return tf.reduce_mean(tf.reduce_sum(tf.square(features - own), axis=1)) / 2, moved


def embedding(labels, features, first):
    centers = variable(first, trainable=True)
    own = tf.nn.embedding_lookup(centers, labels)
    loss = tf.reduce_mean(tf.reduce_sum(tf.square(features - own), axis=1))
    return loss, tf.train.GradientDescentOptimizer(0.2).minimize(loss, var_list=[centers])


def in_eval(labels, features, first):
    """The control dependency: whoever fetches the loss moves the centers."""
    centers = variable(first)
    own = tf.gather(centers, labels)
    with tf.control_dependencies([by_count(centers, labels, own, features)]):
        return tf.nn.l2_loss(features - own), tf.no_op()


# name: the program, and whether its centers start at zero
PROGRAMS = {
    "facenet": (facenet, True),
    "mean": (mean_of_class, True),
    "ema": (average, True),
    "angular": (angular, True),
    "git": (git, True),
    "island": (island, False),
    "read_after": (read_after, True),
    "embedding": (embedding, False),
    "in_eval": (in_eval, True),
}


def draw(seed, zeros):
    """Labels, features and first centers of all steps."""
    random = np.random.RandomState(seed)
    steps = TRAIN + EVALUATE
    labels = random.randint(CLASSES - 1, size=[steps, BATCH]).astype("int32")
    labels[1] = 2  # one class alone; the last class has no sample before step 3
    labels[3, 0] = CLASSES - 1
    spread = random.normal(scale=2.0, size=[CLASSES, SIZE])
    features = (spread[labels] + random.normal(size=[steps, BATCH, SIZE])).astype("float32")
    first = random.normal(size=[CLASSES, SIZE]).astype("float32")
    return labels, features, np.zeros_like(first) if zeros else first


def record_program(seed, program, zeros):
    """Loss, gradient by the features and centers of steps that train, then of some that do not."""
    all_labels, all_features, first = draw(seed, zeros)
    steps = []
    with tf.Graph().as_default(), session_as_written() as session:
        labels = tf.placeholder(tf.int32, [None])
        features = tf.placeholder(tf.float32, [None, SIZE])
        loss, update = program(labels, features, first)
        fetches = {"loss": loss, "gradient": tf.gradients(loss, features)[0]}
        centers = tf.get_default_graph().get_tensor_by_name("centers:0")
        session.run(tf.global_variables_initializer())
        for i in range(TRAIN + EVALUATE):
            feed = {labels: all_labels[i], features: all_features[i]}
            fetched = dict(fetches, update=update) if i < TRAIN else fetches
            step = session.run(fetched, feed)
            step.pop("update", None)
            step["centers"] = session.run(centers)
            steps.append(step)
    recorded = {key: np.stack([step[key] for step in steps]) for key in steps[0]}
    return dict(recorded, labels=all_labels, features=all_features, first=first)


class CenterLayer(tf.keras.layers.Layer):
    """Centers that `add_update` moves; its output is a column of sums."""

    def __init__(self, first):
        super().__init__()
        self.first = first

    def build(self, input_shape):
        start = tf.constant_initializer(self.first)
        shape = [CLASSES, SIZE]
        self.centers = self.add_weight("centers", shape, initializer=start, trainable=False)
        super().build(input_shape)

    def call(self, inputs):
        features, one_hot = inputs
        apart = K.dot(one_hot, self.centers) - features
        step = K.dot(K.transpose(one_hot), apart)
        step /= K.sum(K.transpose(one_hot), axis=1, keepdims=True) + 1
        self.add_update(tf.assign(self.centers, self.centers - 0.5 * step), inputs)
        return K.sum(K.square(apart), axis=1, keepdims=True)


def record_layer(seed):
    """The layer in a model whose loss is its output; batches trained on, then tested on."""
    all_labels, features, first = draw(seed, False)
    K.clear_session()
    K.set_session(open_session())
    inputs = [tf.keras.Input([SIZE]), tf.keras.Input([CLASSES])]
    layer = CenterLayer(first)
    model = tf.keras.Model(inputs, layer(inputs))
    model.compile(tf.keras.optimizers.SGD(0.1), loss=lambda y_true, y_pred: y_pred)
    losses, centers = [], []
    for i in range(TRAIN + EVALUATE):
        x = [features[i], np.eye(CLASSES, dtype="float32")[all_labels[i]]]
        run = model.train_on_batch if i < TRAIN else model.test_on_batch
        losses.append(run(x, np.zeros([BATCH, 1])))
        centers.append(K.get_value(layer.centers))
    recorded = {"loss": np.float32(losses), "centers": np.stack(centers)}
    return dict(recorded, labels=all_labels, features=features, first=first)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
    parser.add_argument("--out", default=beside, help="folder for the .npz files")
    folder = parser.parse_args().out
    os.makedirs(folder, exist_ok=True)
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    files = {}
    for seed, (name, case) in enumerate(PROGRAMS.items()):
        files[name] = record_program(200 + seed, *case)
    files["keras_layer"] = record_layer(250)
    for name, recorded in files.items():
        path = os.path.join(folder, "center_variant_" + name + ".npz")
        np.savez_compressed(path, versions=versions(), **recorded)
        print(f"{os.path.basename(path)}: {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()

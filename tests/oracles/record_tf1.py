"""Record what the graph-mode center loss of TensorFlow 1 computes, as golden figures.

Runs on Python 3.7 with TensorFlow 1.15 and NumPy alone, and writes small `.npz` files. README.md
beside this file says what they hold. The loss is the widely copied TF1 one: centers in a
non-trainable variable, moved by `scatter_sub` under a control dependency of the loss.
"""

import argparse
import json
import os
import platform

import numpy as np
import tensorflow as tf

K = tf.keras.backend
ALPHA, WEIGHT = 0.6, 5e-4  # of the joint loss, where a case does not say otherwise
STEPS = 6
VALIDATION_SEED = 4

# name: classes, feature size, alpha, the labels of a step drawn as (number of samples, from ...)
CENTER_CASES = {
    "duplicates": (10, 2, 0.5, (8, [1, 4, 7])),
    "distinct": (10, 16, 0.6, (10, None)),
    "one_sample": (10, 2, 0.6, (1, range(3))),
    "one_class": (10, 16, 1.0, (8, [3])),
    "two_classes": (2, 2, 1.0, (6, range(2))),
    "two_classes_wide": (2, 16, 0.5, (5, range(2))),
    "hundred_classes": (100, 16, 0.5, (12, range(90, 100))),
    "hundred_classes_flat": (100, 2, 0.6, (16, range(100))),
}
# name: classes (and logits), alpha, weight, scale of the logits, labels, steps
JOINT_CASES = {
    "duplicates": (5, ALPHA, WEIGHT, 2.0, (8, range(5)), STEPS),
    "one_sample": (2, 0.5, WEIGHT, 1.0, (1, range(2)), STEPS),
    "one_class": (10, 1.0, WEIGHT, 2.0, (6, [3]), STEPS),
    "heavy_center": (5, 0.5, 0.5, 2.0, (8, [0, 2]), STEPS),
    "large_logits": (5, ALPHA, WEIGHT, 40.0, (8, range(5)), STEPS),
    "hundred_classes": (100, ALPHA, WEIGHT, 2.0, (6, range(40, 52)), 3),
}


def center_loss(labels, features, alpha, num_classes):
    """Half the squared distances to the centers, summed over the batch; moves the centers.

    The distances are to the centers from before the update, whatever the threads do: `gather`
    returns a copy, the update needs that copy, and nothing reads the variable again. Seen so in
    every one of 4,600 runs on 8 threads, with a plain variable (as here) and a resource variable.
    Fetching the variable beside the loss gave the centers from after the update with a plain
    variable, and either with a resource variable; here they are read in a run of their own.
    """
    size = features.shape[-1].value
    centers = tf.get_variable(
        "centers", [num_classes, size], tf.float32, tf.zeros_initializer(), trainable=False
    )
    labels = tf.reshape(labels, [-1])
    own = tf.gather(centers, labels)
    _, position, count = tf.unique_with_counts(labels)
    divisor = tf.cast(1 + tf.gather(count, position), tf.float32)
    step = alpha * ((own - features) / tf.reshape(divisor, [-1, 1]))
    update = tf.scatter_sub(centers, labels, step)  # the rows of one class add up
    with tf.control_dependencies([update]):
        return tf.nn.l2_loss(features - own)


def joint_parts(one_hot, logits, alpha, weight):
    """Cross-entropy per sample, the center loss of the batch, and the first plus the weighted."""
    one_hot = tf.cast(one_hot, tf.float32)
    entropy = K.categorical_crossentropy(one_hot, K.softmax(logits, axis=-1))
    center = center_loss(K.argmax(one_hot, axis=-1), logits, alpha, logits.shape[-1].value)
    return entropy, center, entropy + weight * center


def joint_loss(one_hot, logits):
    """The loss for `compile`: the batch's center loss is added to every sample."""
    return joint_parts(one_hot, logits, ALPHA, WEIGHT)[-1]


def accuracy(one_hot, logits):
    """1 where the softmax is largest at the label, per sample."""
    hit = K.equal(K.argmax(one_hot, axis=-1), K.argmax(K.softmax(logits, axis=-1), axis=-1))
    return K.cast(hit, K.floatx())


def open_session():
    """A session on one thread, so that two recordings agree in every bit."""
    return tf.Session(
        config=tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    )


def draw_labels(random, num_samples, classes, num_classes):
    """`num_samples` labels out of `classes`; with None, distinct ones out of all."""
    if classes is None:
        return random.permutation(num_classes)[:num_samples]
    return random.choice(list(classes), num_samples)


def versions():
    """What made the figures, as JSON."""
    made_by = {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
    }
    return json.dumps(made_by, sort_keys=True)


def record_center_steps(seed, num_classes, size, alpha, drawn):
    """Loss, gradient and centers of a few steps on fresh features, from centers at zero."""
    random = np.random.RandomState(seed)
    all_labels = np.stack([draw_labels(random, *drawn, num_classes) for _ in range(STEPS)])
    all_labels = all_labels.astype("int32")
    spread = random.normal(scale=2.0, size=[num_classes, size])
    all_features = spread[all_labels] + random.normal(size=[*all_labels.shape, size])
    all_features = all_features.astype("float32")
    with tf.Graph().as_default(), open_session() as session:
        labels = tf.placeholder(tf.int32, [None])
        features = tf.placeholder(tf.float32, [None, size])
        loss = center_loss(labels, features, alpha, num_classes)
        fetches = {"loss": loss, "gradient": tf.gradients(loss, features)[0]}
        feeds = [{labels: all_labels[i], features: all_features[i]} for i in range(STEPS)]
        recorded = run_steps(session, fetches, feeds)
    recorded.update(alpha=np.float64(alpha), labels=all_labels, features=all_features)
    return recorded


def record_joint_steps(seed, num_classes, alpha, weight, scale, drawn, num_steps):
    """The joint loss and its parts on fresh logits, which are the features of the center loss."""
    random = np.random.RandomState(seed)
    all_labels = np.stack([draw_labels(random, *drawn, num_classes) for _ in range(num_steps)])
    all_one_hot = np.eye(num_classes, dtype="float32")[all_labels]
    all_logits = scale * (0.5 * all_one_hot + random.normal(size=all_one_hot.shape))
    all_logits = all_logits.astype("float32")
    with tf.Graph().as_default(), open_session() as session:
        one_hot = tf.placeholder(tf.float32, [None, num_classes])
        logits = tf.placeholder(tf.float32, [None, num_classes])
        entropy, center, loss = joint_parts(one_hot, logits, alpha, weight)
        fetches = {
            "loss": loss,
            "cross_entropy": entropy,
            "center_loss": center,
            "gradient_of_sum": tf.gradients(tf.reduce_sum(loss), logits)[0],
            "gradient_of_mean": tf.gradients(tf.reduce_mean(loss), logits)[0],
            "accuracy": accuracy(one_hot, logits),
        }
        feeds = [{one_hot: all_one_hot[i], logits: all_logits[i]} for i in range(num_steps)]
        recorded = run_steps(session, fetches, feeds)
    recorded.update(alpha=np.float64(alpha), weight=np.float64(weight))
    recorded.update(one_hot=all_one_hot, logits=all_logits)
    return recorded


def run_steps(session, fetches, feeds):
    """Each step's fetches, all out of one run and so of one update, and the centers after it."""
    centers = tf.get_default_graph().get_tensor_by_name("centers:0")
    session.run(tf.global_variables_initializer())
    steps = []
    for feed in feeds:
        step = session.run(fetches, feed)
        step["centers"] = session.run(centers)
        steps.append(step)
    return {key: np.stack([step[key] for step in steps]) for key in steps[0]}


class BatchLog(tf.keras.callbacks.Callback):
    """What Keras reports at the end of each batch, and the centers then."""

    def __init__(self, read_centers):
        super().__init__()
        self.read_centers = read_centers
        self.train, self.test, self.centers = [], [], []

    def on_train_batch_end(self, batch, logs=None):
        self.train.append(logs["loss"])
        self.centers.append(self.read_centers())

    def on_test_batch_end(self, batch, logs=None):
        self.test.append(logs["loss"])


def draw_fit_data():
    """Five clouds of points in 8 dimensions, to train and to validate on, and first weights."""
    random = np.random.RandomState(15)
    clouds = random.normal(scale=1.5, size=[5, 8])
    data = {}
    for name, num_samples in [("train", 64), ("validation", 24)]:
        labels = random.randint(5, size=num_samples)
        data[name + "_x"] = clouds[labels] + random.normal(size=[num_samples, 8])
        data[name + "_y"] = np.eye(5)[labels]
    for i, shape in enumerate([[8, 16], [16], [16, 5], [5]]):
        data[f"initial_weight_{i}"] = random.normal(scale=0.3, size=shape)
    return {key: value.astype("float32") for key, value in data.items()}


def record_fit(data, make_optimizer, validate):
    """A whole compile, fit, predict and two times evaluate, as a user of TF1 wrote it."""
    epochs, batch_size = 4, 16
    K.clear_session()
    K.set_session(open_session())
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Dense(16, activation="relu", input_shape=(8,)),
            tf.keras.layers.Dense(5),
        ]
    )
    optimizer = make_optimizer()
    model.compile(optimizer=optimizer, loss=joint_loss, metrics=[accuracy])
    session = K.get_session()
    # Keras does not know the centers, so nothing else would initialise them. The initialiser
    # draws the weights again as well: ours are set after it.
    session.run(tf.global_variables_initializer())
    model.set_weights([data[f"initial_weight_{i}"] for i in range(4)])

    def read_centers():
        return session.run(session.graph.get_tensor_by_name("centers:0"))

    log = BatchLog(read_centers)
    held_out = (data["validation_x"], data["validation_y"])
    np.random.seed(VALIDATION_SEED)
    history = model.fit(
        data["train_x"],
        data["train_y"],
        batch_size=batch_size,
        epochs=epochs,
        shuffle=False,
        validation_data=held_out if validate else None,
        callbacks=[log],
        verbose=0,
    ).history
    recorded = {
        "optimizer": json.dumps(optimizer.get_config(), sort_keys=True, default=float),
        "batch_loss": np.float32(log.train).reshape(epochs, -1),
        "batch_centers": np.stack(log.centers).reshape(epochs, -1, 5, 5),
        "epoch_loss": np.float32(history["loss"]),
        "epoch_accuracy": np.float32(history["accuracy"]),
        "centers": read_centers(),
    }
    if validate:
        recorded["validation_batch_loss"] = np.float32(log.test).reshape(epochs, -1)
        recorded["validation_loss"] = np.float32(history["val_loss"])
        # `fit(shuffle=False)` leaves the training order alone but TF 1.15 shuffles the validation
        # data in every epoch, by NumPy's global generator; a loss that moves its centers there
        # feels the order.
        random = np.random.RandomState(VALIDATION_SEED)
        orders = [np.arange(len(held_out[0])) for _ in range(epochs)]
        for order in orders:
            random.shuffle(order)
        recorded["validation_order"] = np.stack(orders).astype("int32")
    for i, value in enumerate(model.get_weights()):
        recorded[f"weight_{i}"] = value
    recorded["predict"] = model.predict(held_out[0], batch_size=batch_size)
    recorded["predict_centers"] = read_centers()
    evaluated = []
    for _ in range(2):
        loss = model.evaluate(*held_out, batch_size=batch_size, verbose=0)[0]
        evaluated.append((loss, read_centers()))
    recorded["evaluate_loss"] = np.float32([loss for loss, _ in evaluated])
    recorded["evaluate_centers"] = np.stack([centers for _, centers in evaluated])
    return recorded


def record_fits():
    """The three fits, each key under the name of its run."""
    data = draw_fit_data()
    runs = {
        "sgd": (lambda: tf.keras.optimizers.SGD(0.1), False),
        "adam": (lambda: tf.keras.optimizers.Adam(0.01), False),
        "validated": (lambda: tf.keras.optimizers.SGD(0.1), True),
    }
    recorded = dict(data, alpha=np.float64(ALPHA), weight=np.float64(WEIGHT))
    for name, (make_optimizer, validate) in runs.items():
        for key, value in record_fit(data, make_optimizer, validate).items():
            recorded[name + "_" + key] = value
    return recorded


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
    parser.add_argument("--out", default=beside, help="folder for the .npz files")
    folder = parser.parse_args().out
    os.makedirs(folder, exist_ok=True)
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    files = {}
    for seed, (name, case) in enumerate(CENTER_CASES.items()):
        files["center_steps_" + name] = record_center_steps(seed, *case)
    for seed, (name, case) in enumerate(JOINT_CASES.items()):
        files["joint_steps_" + name] = record_joint_steps(100 + seed, *case)
    files["center_fit"] = record_fits()
    for name, recorded in files.items():
        path = os.path.join(folder, name + ".npz")
        np.savez_compressed(path, versions=versions(), **recorded)
        print(f"{os.path.basename(path)}: {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()

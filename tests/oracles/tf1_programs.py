"""TF1 programs: every way in which old code writes, wires and updates center loss.

Each function takes `tf`, so that one and the same text runs in TensorFlow 1.15, where
record_tf1_programs.py records it, and in `portable_losses.compat.tf1` (tests/compat/tf1). Nothing
is imported, and all is Python 3.7.

A loss is `loss(tf, labels, features)`: ids `(N,)` and features `(N, D)`; it returns what the old
function returned, the loss first.
"""

# ruff: noqa: B905, RUF005, UP031  # of later Pythons than this runs on

CLASSES, ALPHA = 5, 0.5


def table(tf, features, trainable=False, name="centers", value=0.0):
    size = features.get_shape().as_list()[1]
    start = tf.constant_initializer(value)
    return tf.get_variable(name, [CLASSES, size], tf.float32, start, trainable=trainable)


def counted(tf, labels, own, features):
    """alpha * (c - x) / (1 + n) for each sample: the paper's rule."""
    _, position, count = tf.unique_with_counts(labels)
    times = tf.reshape(tf.gather(count, position), [-1, 1])
    return ALPHA * (own - features) / tf.cast(1 + times, tf.float32)


# Wirings: how the update comes to run ---------------------------------------------------------


def under_the_loss(tf, labels, features):
    """W1, U1, L1: a control dependency of the loss."""
    centers = table(tf, features)
    own = tf.gather(centers, labels)
    update = tf.scatter_sub(centers, labels, counted(tf, labels, own, features))
    with tf.control_dependencies([update]):
        return tf.nn.l2_loss(features - own)


def facenet(tf, labels, features):
    """W1, U2, L2: the step is not divided; one number kept, the rest moved."""
    centers = table(tf, features)
    labels = tf.reshape(labels, [-1])
    own = tf.gather(centers, labels)
    moved = tf.scatter_sub(centers, labels, (1 - 0.9) * (own - features))
    with tf.control_dependencies([moved]):
        loss = tf.reduce_mean(tf.square(features - own))
    return loss, moved


def returned(tf, labels, features):
    """W2: the update is returned, and the caller runs it."""
    centers = table(tf, features)
    own = tf.gather(centers, labels)
    loss = tf.nn.l2_loss(features - own)
    update = tf.scatter_sub(centers, labels, counted(tf, labels, own, features))
    return loss, centers, update


def collected(tf, labels, features):
    """W2: the update goes into a collection, which the caller runs."""
    centers = table(tf, features)
    own = tf.gather(centers, labels)
    update = tf.scatter_sub(centers, labels, counted(tf, labels, own, features))
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
    return tf.nn.l2_loss(features - own)


def dense(tf, labels, features):
    """W3, U1 by one-hot matrices, L3: the whole table is assigned."""
    centers = table(tf, features)
    one_hot = tf.one_hot(labels, CLASSES)
    own = tf.matmul(one_hot, centers)
    total = tf.matmul(one_hot, own - features, transpose_a=True)
    times = tf.reshape(1 + tf.reduce_sum(one_hot, axis=0), [-1, 1])
    update = tf.assign(centers, centers - ALPHA * total / times)
    return tf.reduce_mean(tf.reduce_sum(tf.square(features - own), axis=1)), update


def read_after(tf, labels, features):
    """W4: the loss gathers from the result of the update."""
    centers = table(tf, features)
    own = tf.gather(centers, labels)
    moved = tf.scatter_sub(centers, labels, (1 - 0.9) * (own - features))
    return tf.reduce_mean(tf.square(features - tf.gather(moved, labels)))


def read_by_matmul(tf, labels, features):
    """W4: the loss multiplies with the result of an assignment."""
    centers = table(tf, features, value=0.5)
    own = tf.gather(centers, labels)
    moved = tf.scatter_sub(centers, labels, counted(tf, labels, own, features))
    return tf.reduce_mean(tf.square(features - tf.matmul(tf.one_hot(labels, CLASSES), moved)))


def read_again(tf, labels, features):
    """W4: the variable is gathered again, after the update by a control dependency."""
    centers = table(tf, features)
    own = tf.gather(centers, labels)
    update = tf.scatter_sub(centers, labels, counted(tf, labels, own, features))
    with tf.control_dependencies([update]):
        now = tf.gather(centers, labels)
    return tf.nn.l2_loss(features - now)


def dropped(tf, labels, features):
    """W5: the update is made, and nothing runs it."""
    centers = table(tf, features)
    own = tf.gather(centers, labels)
    tf.scatter_sub(centers, labels, (1 - 0.9) * (own - features))
    return tf.reduce_mean(tf.square(features - own))


def read_and_dropped(tf, labels, features):
    """W5: gathering from the variable again does not make the update run."""
    centers = table(tf, features, value=0.25)
    own = tf.gather(centers, labels)
    tf.scatter_sub(centers, labels, (1 - 0.9) * (own - features))
    return tf.nn.l2_loss(features - tf.gather(centers, labels))


# Updates --------------------------------------------------------------------------------------


def class_means(tf, labels, features):
    """U3, L7: the mean over the samples of a class."""
    centers = table(tf, features)
    own = tf.gather(centers, labels)
    total = tf.unsorted_segment_sum(own - features, labels, CLASSES)
    times = tf.unsorted_segment_sum(tf.ones_like(labels), labels, CLASSES)
    mean = total / tf.cast(tf.maximum(times, 1), tf.float32)[:, None]
    update = tf.assign_sub(centers, ALPHA * mean)
    size = tf.cast(tf.shape(features)[0], tf.float32)
    return 0.1 * tf.nn.l2_loss(features - own) / size, update


def moving_average(tf, labels, features):
    """U3b: a moving average and its number of steps, both read before they are written."""
    means = table(tf, features, name="means")
    steps = tf.get_variable(
        "steps", [CLASSES, 1], tf.float32, tf.zeros_initializer(), trainable=False
    )
    total = tf.unsorted_segment_sum(features, labels, CLASSES)
    times = tf.unsorted_segment_sum(tf.ones_like(features[:, :1]), labels, CLASSES)
    there = tf.cast(times > 0, tf.float32)
    new = means + there * (1 - 0.8) * (total / tf.maximum(times, 1.0) - means)
    count = steps + there
    corrected = new / (1.0 - tf.pow(0.8, count) + 1e-8)
    with tf.control_dependencies([corrected]):
        updates = tf.group(tf.assign(means, new), tf.assign(steps, count))
    with tf.control_dependencies([updates]):
        return tf.reduce_mean(tf.square(features - tf.gather(corrected, labels)))


def bias_corrected(tf, labels, features):
    """U3b: as above, by rows: the mean of each class that is there, and one step more for it."""
    means = table(tf, features, name="means")
    steps = tf.get_variable(
        "steps", [CLASSES], tf.int32, tf.zeros_initializer(tf.int32), trainable=False
    )
    start = tf.maximum(1 - 0.9 ** tf.cast(tf.gather(steps, labels), tf.float32), 1e-8)
    corrected = tf.gather(means, labels) / tf.reshape(start, [-1, 1])
    unique, position, count = tf.unique_with_counts(labels)
    total = tf.unsorted_segment_sum(features, position, tf.size(unique))
    mean = total / tf.reshape(tf.cast(count, tf.float32), [-1, 1])
    with tf.control_dependencies([corrected]):
        moved = tf.scatter_sub(means, unique, (1 - 0.9) * (tf.gather(means, unique) - mean))
        counted_steps = tf.scatter_add(steps, unique, 1)
    return tf.nn.l2_loss(features - corrected), moved, counted_steps


def trained(tf, labels, features):
    """U4: centers that the optimizer trains."""
    centers = table(tf, features, trainable=True, value=0.1)
    return tf.reduce_mean(tf.reduce_sum(tf.square(features - tf.gather(centers, labels)), 1))


def correct_only(tf, labels, features):
    """U5: samples that are classified wrongly move nothing."""
    centers = table(tf, features)
    own = tf.gather(centers, labels)
    right = tf.equal(tf.cast(tf.argmax(features, 1), tf.int32), labels)
    share = counted(tf, labels, own, features)
    share = share * tf.reshape(tf.cast(right, tf.float32), [-1, 1])
    update = tf.scatter_sub(centers, labels, share)
    with tf.control_dependencies([update]):
        return tf.nn.l2_loss(features - own)


def angular(tf, labels, features):
    """U6, L8: directions, normalised when they are read."""
    centers = table(tf, features, value=0.3)
    unit = tf.nn.l2_normalize(features, 1)
    own = tf.nn.l2_normalize(tf.gather(centers, labels), 1)
    _, position, count = tf.unique_with_counts(labels)
    times = tf.cast(tf.reshape(tf.gather(count, position), [-1, 1]), tf.float32)
    with tf.control_dependencies([own]):  # or TF1 reads before or after, as it happens
        update = tf.scatter_add(centers, labels, unit / times)
    return -tf.reduce_sum(unit * own), update


def island(tf, labels, features):
    """U7: the rule of the paper, and a gradient step that drives the centers apart."""
    centers = table(tf, features, value=[[0.1 * (i + j % 3) for j in range(6)] for i in range(5)])
    own = tf.gather(centers, labels)
    loss = tf.nn.l2_loss(features - own)
    unit = tf.nn.l2_normalize(centers, 1)
    cosines = tf.matmul(unit, unit, transpose_b=True)
    apart = tf.reduce_sum(cosines + 1.0) - tf.reduce_sum(tf.square(unit)) - CLASSES
    slope = tf.gradients(apart, centers)[0]
    with tf.control_dependencies([loss, apart, slope]):
        first = tf.scatter_sub(centers, labels, counted(tf, labels, own, features))
    with tf.control_dependencies([first]):
        update = tf.assign_sub(centers, 0.01 * slope)
    return loss + 0.1 * apart, update


def no_state(tf, labels, features):
    """U8: the means of the batch, no variable."""
    total = tf.unsorted_segment_sum(features, labels, CLASSES)
    times = tf.unsorted_segment_sum(tf.ones_like(features[:, :1]), labels, CLASSES)
    means = total / tf.maximum(times, 1.0)
    return tf.nn.l2_loss(features - tf.gather(means, labels))


def running_sums(tf, labels, features):
    """U9: sums and counts of all samples so far; the loss sees them with this batch."""
    sums = table(tf, features, name="sums")
    counts = tf.get_variable(
        "counts", [CLASSES], tf.float32, tf.constant_initializer(1.0), trainable=False
    )
    ones = tf.ones_like(labels, dtype=tf.float32)
    updates = [tf.scatter_add(sums, labels, features), tf.scatter_add(counts, labels, ones)]
    with tf.control_dependencies(updates):
        means = tf.identity(sums) / tf.reshape(tf.identity(counts), [-1, 1])
    return tf.reduce_mean(tf.square(features - tf.stop_gradient(tf.gather(means, labels))))


# Losses ---------------------------------------------------------------------------------------


def per_sample(tf, labels, features):
    """L4, L5: one value per sample, in a column."""
    centers = table(tf, features)
    own = tf.gather(centers, labels)
    update = tf.scatter_sub(centers, labels, counted(tf, labels, own, features))
    return tf.reduce_sum(tf.square(features - own), axis=1, keep_dims=True), update


def half_mean(tf, labels, features):
    """L6: half of the mean of the sums."""
    centers = table(tf, features, value=-0.2)
    own = tf.gather(centers, labels)
    update = tf.scatter_sub(centers, labels, counted(tf, labels, own, features))
    with tf.control_dependencies([update]):
        return 0.5 * tf.reduce_mean(tf.reduce_sum(tf.square(features - own), axis=1))


def absolute(tf, labels, features):
    """L8: absolute values of the divided difference."""
    centers = table(tf, features)
    own = tf.gather(centers, labels)
    share = counted(tf, labels, own, features)
    update = tf.scatter_sub(centers, labels, share)
    with tf.control_dependencies([update]):
        return tf.reduce_sum(tf.abs(share / ALPHA))


# name: what the caller runs in training beside the loss
PROGRAMS = {
    under_the_loss: None,
    facenet: None,
    returned: "returned",
    collected: "collection",
    dense: "returned",
    read_after: None,
    read_by_matmul: None,
    read_again: None,
    dropped: None,
    read_and_dropped: None,
    class_means: "returned",
    moving_average: None,
    bias_corrected: "returned",
    trained: "optimizer",
    correct_only: None,
    angular: "returned",
    island: "returned",
    no_state: None,
    running_sums: None,
    per_sample: "returned",
    half_mean: None,
    absolute: None,
}
RATE = 0.3  # of the optimizer


def run(tf, program, batches):
    """Each batch is (labels, features, training). The loss, its gradient by the features, and the
    variables after each batch, as a dict of lists; variables in runs of their own."""
    size = batches[0][1].shape[1]
    with tf.Graph().as_default(), tf.Session() as session:
        labels = tf.placeholder(tf.int32, [None], name="labels")
        features = tf.placeholder(tf.float32, [None, size], name="features")
        result = program(tf, labels, features)
        result = list(result) if isinstance(result, tuple) else [result]
        loss = result[0]
        gradient = tf.gradients(loss, features)[0]
        wanted = PROGRAMS[program]
        besides = []
        if wanted == "returned":
            besides = result[1:]
        elif wanted == "collection":
            besides = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        elif wanted == "optimizer":
            besides = [tf.train.GradientDescentOptimizer(RATE).minimize(loss)]
        session.run(tf.global_variables_initializer())
        variables = tf.global_variables()
        found = {"loss": [], "gradient": []}
        for ids, x, training in batches:
            fetches = [loss, gradient, besides if training else []]
            value, slope, _ = session.run(fetches, {labels: ids, features: x})
            found["loss"].append(value)
            found["gradient"].append(slope)
            for variable, now in zip(variables, session.run(variables)):
                found.setdefault("variable_" + variable.op.name, []).append(now)
        return found


# Reads and writes -----------------------------------------------------------------------------
# Each returns what is fetched, three times over; `v` starts at zero. What no edge orders is left
# out: there TF1 reads before a write or after it, as it happens.


def _v(tf, shape=(2, 1)):
    return tf.get_variable("v", list(shape), initializer=tf.zeros_initializer())


def gather_again(tf):
    v = _v(tf)
    tf.scatter_add(v, [0], tf.gather(v, [0]) + 1.0)
    return tf.gather(v, [0])


def gather_the_result(tf):
    v = _v(tf)
    return tf.gather(tf.scatter_add(v, [0], tf.gather(v, [0]) + 1.0), [0])


def gather_again_after(tf):
    v = _v(tf)
    with tf.control_dependencies([tf.scatter_add(v, [0], tf.gather(v, [0]) + 1.0)]):
        return tf.gather(v, [0])


def an_identity_is_an_alias(tf):
    v = _v(tf)
    alias = tf.identity(v)
    with tf.control_dependencies([tf.scatter_add(v, [0], tf.gather(v, [0]) + 1.0)]):
        return alias + 0.0, tf.identity(alias)


def a_sum_is_a_copy(tf):
    v = _v(tf)
    copy = v + 0.0
    with tf.control_dependencies([copy]):
        update = tf.scatter_add(v, [0], tf.constant([[1.0]]))
    with tf.control_dependencies([update]):
        return copy * 1.0, v * 1.0


def a_fetched_variable_is_read_last(tf):
    v = _v(tf)
    return v, tf.scatter_add(v, [0], tf.constant([[1.0]]))


def an_assignment_gives_the_variable(tf):
    v = _v(tf)
    first = tf.assign(v, [[1.0], [2.0]])
    with tf.control_dependencies([first]):
        second = tf.assign_add(v, [[1.0], [1.0]])
    with tf.control_dependencies([second]):
        return first + 0.0, tf.identity(first)


def a_gradient_needs_no_more_than_it_uses(tf):
    """The control dependency is the loss's alone: its gradient does not run the update."""
    v = _v(tf)
    x = tf.placeholder_with_default([[1.0], [2.0]], [None, 1])
    difference = x - tf.gather(v, [0, 1])
    update = tf.scatter_add(v, [0, 1], difference)
    with tf.control_dependencies([update]):
        loss = tf.nn.l2_loss(difference)
    return tf.gradients(loss, x)


def a_gradient_needs_what_it_uses(tf):
    v = _v(tf)
    x = tf.placeholder_with_default([[1.0], [2.0]], [None, 1])
    own = tf.gather(v, [0, 1])
    with tf.control_dependencies([tf.scatter_add(v, [0, 1], x - own)]):
        loss = tf.reduce_mean(tf.square(x - own))
    return tf.gradients(loss, x)


def an_update_takes_no_gradient(tf):
    v = _v(tf)
    x = tf.placeholder_with_default([[1.0], [2.0]], [None, 1])
    loss = tf.reduce_sum(tf.square(x - tf.scatter_sub(v, [0, 1], -x)))
    return [loss] + tf.gradients(loss, x)


def a_branch_writes_if_it_is_taken(tf):
    v = _v(tf)
    small = tf.reduce_sum(v) < 3.0
    outside = tf.constant([[1.0], [1.0]])
    return tf.cond(small, lambda: tf.assign_add(v, outside) * 2.0, lambda: tf.zeros([2, 1]))


READS_AND_WRITES = [
    gather_again,
    gather_the_result,
    gather_again_after,
    an_identity_is_an_alias,
    a_sum_is_a_copy,
    a_fetched_variable_is_read_last,
    an_assignment_gives_the_variable,
    a_gradient_needs_no_more_than_it_uses,
    a_gradient_needs_what_it_uses,
    an_update_takes_no_gradient,
    a_branch_writes_if_it_is_taken,
]


def fetch_three_times(tf, program):
    """What is fetched in three runs, and the variables after them."""
    with tf.Graph().as_default(), tf.Session() as session:
        fetched = program(tf)
        fetched = list(fetched) if isinstance(fetched, (tuple, list)) else [fetched]
        session.run(tf.global_variables_initializer())
        runs = [session.run(fetched) for _ in range(3)]
        found = {}
        for i in range(len(fetched)):
            if runs[0][i] is not None:
                found["fetch_%d" % i] = [values[i] for values in runs]
        for variable in tf.global_variables():
            found["variable_" + variable.op.name] = [session.run(variable)]
        return found


# Training -------------------------------------------------------------------------------------


def _optimizers(tf):
    train = tf.train
    return {
        "gradient_descent": train.GradientDescentOptimizer(0.1),
        "momentum": train.MomentumOptimizer(0.1, 0.9),
        "nesterov": train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
        "adagrad": train.AdagradOptimizer(0.3),
        "adam": train.AdamOptimizer(0.05),
        "rmsprop": train.RMSPropOptimizer(0.02, momentum=0.5),
        "rmsprop_centered": train.RMSPropOptimizer(0.02, decay=0.7, centered=True),
    }


def train_by_each_optimizer(tf, steps=5):
    """A matrix and rows of a table, by each optimizer: all global variables after each step."""
    found = {}
    for name in sorted(_optimizers(tf)):
        with tf.Graph().as_default(), tf.Session() as session:
            w = tf.get_variable("w", [2, 2], initializer=tf.constant_initializer([1.0, -2.0, 0.5]))
            table = tf.get_variable("table", [4, 2], initializer=tf.ones_initializer())
            x = tf.placeholder(tf.float32, [None, 2])
            rows = tf.placeholder(tf.int32, [None])
            loss = tf.reduce_mean(tf.square(tf.matmul(x, w) - tf.gather(table, rows)))
            step = tf.train.get_or_create_global_step()
            train = _optimizers(tf)[name].minimize(loss, global_step=step)
            session.run(tf.global_variables_initializer())
            for i in range(steps):
                batch = [[1.0 + i, -1.0], [0.5, 2.0 - i], [0.25 * i, 1.0]]
                session.run(train, {x: batch, rows: [i % 4, 0, i % 4]})
                for variable in tf.global_variables():
                    key = name + "/" + variable.op.name
                    found.setdefault(key, []).append(session.run(variable))
    return found


def follow_by_averages(tf, steps=4):
    """Moving averages, corrected at their start or not, and rates that decay."""
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [2])
        step = tf.train.get_or_create_global_step()
        v = tf.get_variable("v", [2], initializer=tf.constant_initializer(1.0))
        mean = tf.get_variable("mean", [2], initializer=tf.zeros_initializer(), trainable=False)
        plain = tf.get_variable("plain", [2], initializer=tf.zeros_initializer(), trainable=False)
        moved = tf.assign(v, x)
        average = tf.train.ExponentialMovingAverage(0.8)
        early = tf.train.ExponentialMovingAverage(0.99, num_updates=step, name="early")
        assign_moving_average = tf.python.training.moving_averages.assign_moving_average
        with tf.control_dependencies([moved]):
            updates = [
                average.apply([v, tf.identity(v * 2.0, name="twice")]),
                early.apply([v]),
                assign_moving_average(mean, x, 0.9),
                assign_moving_average(plain, x, 0.9, zero_debias=False),
            ]
        with tf.control_dependencies(updates):
            count = tf.assign_add(step, 1)
        rates = [
            tf.train.exponential_decay(0.1, step, 2, 0.5),
            tf.train.exponential_decay(0.1, step, 2, 0.5, staircase=True),
            tf.train.polynomial_decay(0.1, step, 3, 0.01, power=2.0),
            tf.train.inverse_time_decay(0.1, step, 2, 0.5),
            tf.train.natural_exp_decay(0.1, step, 2, 0.5),
            tf.train.cosine_decay(0.1, step, 3),
            tf.train.piecewise_constant(step, [1, 2], [0.3, 0.2, 0.1]),
        ]
        session.run(tf.global_variables_initializer())
        found = {"rates": []}
        for i in range(steps):
            found["rates"].append([float(rate) for rate in session.run(rates)])
            session.run(count, {x: [1.0 + i, -2.0 * i]})
            for variable in tf.global_variables():
                found.setdefault(variable.op.name, []).append(session.run(variable))
        return found

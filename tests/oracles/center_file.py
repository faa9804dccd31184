"""A center-loss file as old tutorials have it: the loss of a Keras model in TF1 code, a program
that runs it in a session, and one that compiles and fits a model with it.

`record_tf1_documents.py` runs it in TensorFlow 1.15 and records the figures; there, the imports of
`portable_losses` are the old ones, and nothing else is changed.
"""

import random

import numpy as np

import portable_losses.compat.tf1 as tf
from portable_losses.compat import K
from portable_losses.compat import keras2 as keras

NUM_CLASSES = 24
ALPHA = 0.6
LAMBDA = 0.05


def center_loss(labels, features, alpha=ALPHA, num_classes=NUM_CLASSES):
    len_features = features.get_shape()[1]
    centers = tf.get_variable(
        "centers",
        [num_classes, len_features],
        dtype=tf.float32,
        initializer=tf.constant_initializer(0),
        trainable=False,
    )
    labels = tf.reshape(labels, [-1])
    centers_batch = tf.gather(centers, labels)
    diff = centers_batch - features
    _, unique_idx, unique_count = tf.unique_with_counts(labels)
    appear_times = tf.gather(unique_count, unique_idx)
    appear_times = tf.reshape(appear_times, [-1, 1])
    diff = diff / tf.cast((1 + appear_times), tf.float32)
    diff = alpha * diff
    centers_update_op = tf.scatter_sub(centers, labels, diff)
    with tf.control_dependencies([centers_update_op]):
        c_loss = tf.nn.l2_loss(features - centers_batch)
    return c_loss


def softmax_loss(labels, features):
    return K.categorical_crossentropy(labels, K.softmax(features, axis=-1))


def loss(labels, features):
    labels = K.cast(labels, dtype=tf.float32)
    sf_loss = softmax_loss(labels, features)
    c_loss = center_loss(K.argmax(labels, axis=-1), features)
    return sf_loss + LAMBDA * c_loss


def categorical_accuracy(y_true, y_pred):
    sm_y_pred = K.softmax(y_pred, axis=-1)
    same = K.equal(K.argmax(y_true, axis=-1), K.argmax(sm_y_pred, axis=-1))
    return K.cast(same, K.floatx())


def train(epochs, validate):
    draw = np.random.RandomState(5)
    ids = draw.randint(0, NUM_CLASSES, 48)
    x = (draw.normal(size=(NUM_CLASSES, 10))[ids] + draw.normal(size=(48, 10))).astype("float32")
    y = keras.utils.to_categorical(ids, NUM_CLASSES)
    start = keras.initializers.Constant(draw.normal(size=(10, NUM_CLASSES)) / 3)
    dense = keras.layers.Dense(NUM_CLASSES, kernel_initializer=start, input_shape=(10,))
    model = keras.Sequential([dense])
    model.compile(
        optimizer=keras.optimizers.Adam(lr=0.01, decay=1e-5),
        loss=loss,
        metrics=[categorical_accuracy],
    )
    sess = K.get_session()
    sess.run(tf.global_variables_initializer())
    history = {}
    for _ in range(epochs):
        found = model.fit(x, y, batch_size=16, epochs=1, shuffle=False, verbose=0).history
        if validate:
            found["val_loss"] = [model.evaluate(x, y, batch_size=16, verbose=0)[0]]
        for key, values in found.items():
            history.setdefault(key, []).extend(values)
    return model, history, K.get_session().run("centers:0")


if __name__ == "__main__":
    test_features = np.random.randn(8, NUM_CLASSES).astype(dtype=np.float32)
    test_labels = np.array(random.sample(range(NUM_CLASSES - 1), 8))
    test_labels[0] = 0
    test_labels = keras.utils.to_categorical(test_labels, NUM_CLASSES)
    print(test_features.shape, test_labels.shape)
    test_features = tf.constant(test_features)
    test_labels = tf.constant(test_labels)
    loss_op = loss(test_labels, test_features)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        result = sess.run(loss_op)
        print(result.shape)
        print(result)
        updated_centers = sess.graph.get_tensor_by_name("centers:0")
        print(updated_centers.eval().shape)
        print(updated_centers.eval())
        given = sess.run([test_features, test_labels])
        left = updated_centers.eval()

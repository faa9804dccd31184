"""TensorFlow."""

import tensorflow as tf


def replicas():
    return tf.distribute.get_strategy().num_replicas_in_sync


def with_rows_added(table, rows, values):
    return tf.tensor_scatter_nd_add(tf.convert_to_tensor(table), rows[:, None], values)


def add_rows_in_place(value, rows, values):
    if replicas() > 1:  # a variable that replicas average refuses scatter updates
        return False
    value.scatter_add(tf.IndexedSlices(values, rows))
    return True


def concrete(tensor):
    return tensor.numpy() if isinstance(tensor, tf.Tensor) and hasattr(tensor, "numpy") else None


def traces_without(variable, tensor):
    return False  # variables live outside of the graph; an assignment in a trace is a real one

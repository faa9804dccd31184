"""Any backend, by `keras.ops` alone (numpy, openvino): right, without being in place."""

import numpy as np
from keras import ops


def add_rows(variable, rows, values):
    variable.assign(variable + ops.segment_sum(values, rows, num_segments=variable.shape[0]))


def concrete(tensor):
    try:
        return np.asarray(ops.convert_to_numpy(tensor))
    except Exception:  # a symbolic tensor: each backend has its own error for it
        return None


def is_lost(variable, tensor):
    return False


def replicas():
    return 1

"""JAX."""

import jax
import numpy as np


def with_rows_added(table, rows, values):
    # Under a trainer that donates its state (Keras' does) XLA updates the rows in place.
    return table.at[rows].add(values)


def add_rows_in_place(value, rows, values):
    return False


def concrete(tensor):
    if isinstance(tensor, jax.core.Tracer):
        return None
    if isinstance(tensor, jax.Array) and any(d.platform != "cpu" for d in tensor.devices()):
        return None
    return np.asarray(tensor)


def traces_without(variable, tensor):
    # The update would leave a dead tracer in the variable.
    traced = isinstance(tensor, jax.core.Tracer)
    return traced and not isinstance(variable.value, jax.core.Tracer)


def replicas():
    return 1

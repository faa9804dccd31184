"""JAX."""

import jax
import numpy as np


def add_rows(variable, rows, values):
    # Under a trainer that donates its state (Keras' does) XLA updates the rows in place.
    variable.assign(variable.value.at[rows].add(values))


def concrete(tensor):
    if isinstance(tensor, jax.core.Tracer):
        return None
    if isinstance(tensor, jax.Array) and any(d.platform != "cpu" for d in tensor.devices()):
        return None
    return np.asarray(tensor)


def is_lost(variable, tensor):
    # Traced input against a variable that is no input of the trace: Keras would keep the update
    # in a scope that nobody reads, or leave a dead tracer in the variable.
    traced = isinstance(tensor, jax.core.Tracer)
    return traced and not isinstance(variable.value, jax.core.Tracer)


def replicas():
    return 1

"""`tf.train`: optimizers, moving averages, the global step, `Saver`."""

import os
import sys
from typing import Any

import numpy as np

from ._checkpoints import read_values
from ._graph import get_default_graph
from ._moving import (
    ExponentialMovingAverage as ExponentialMovingAverage,
)
from ._moving import (
    cosine_decay as cosine_decay,
)
from ._moving import (
    exponential_decay as exponential_decay,
)
from ._moving import (
    inverse_time_decay as inverse_time_decay,
)
from ._moving import (
    natural_exp_decay as natural_exp_decay,
)
from ._moving import (
    piecewise_constant as piecewise_constant,
)
from ._moving import (
    polynomial_decay as polynomial_decay,
)
from ._optimizers import (
    AdagradOptimizer as AdagradOptimizer,
)
from ._optimizers import (
    AdamOptimizer as AdamOptimizer,
)
from ._optimizers import (
    GradientDescentOptimizer as GradientDescentOptimizer,
)
from ._optimizers import (
    MomentumOptimizer as MomentumOptimizer,
)
from ._optimizers import (
    Optimizer as Optimizer,
)
from ._optimizers import (
    RMSPropOptimizer as RMSPropOptimizer,
)
from ._variables import GraphKeys, Variable, global_variables
from .errors import NotFoundError, missing

piecewise_constant_decay = piecewise_constant


def get_global_step(graph: Any = None) -> Variable | None:
    """`tf.train.get_global_step`: None where there is none."""
    found = (graph or get_default_graph()).get_collection(GraphKeys.GLOBAL_STEP)
    return found[0] if found else None


def create_global_step(graph: Any = None) -> Variable:
    """`tf.train.create_global_step`: an integer variable, `global_step:0`."""
    graph = graph or get_default_graph()
    if get_global_step(graph) is not None:
        raise ValueError('"global_step" already exists.')
    with graph.as_default(), graph.inside(None), graph.name_scope(None):
        return Variable(
            np.array(0, "int64"),
            trainable=False,
            name="global_step",
            collections=[GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP],
        )


def get_or_create_global_step(graph: Any = None) -> Variable:
    """`tf.train.get_or_create_global_step`."""
    return get_global_step(graph) or create_global_step(graph)


def global_step(sess: Any, global_step_tensor: Any) -> int:
    """`tf.train.global_step`: the step in a session."""
    return int(sess.run(global_step_tensor))


class Saver:
    """`tf.train.Saver`: variables to and from `.npz` files, by their names in TF1.

    `save` writes `<path>.npz`, and `<path>-<step>.npz` with a global step. `restore` also reads
    TF1's own checkpoints, where TensorFlow is installed.
    """

    def __init__(
        self,
        var_list: Any = None,
        *_: Any,
        max_to_keep: int | None = 5,
        name: Any = None,
        **__: Any,
    ):
        given = global_variables() if var_list is None else var_list
        if not given:
            raise ValueError("No variables to save")
        self.variables = dict(given) if isinstance(given, dict) else {v.op.name: v for v in given}
        self.max_to_keep = max_to_keep
        self.last_checkpoints: list[str] = []

    def save(self, sess: Any, save_path: str, global_step: Any = None, *_: Any, **__: Any) -> str:
        """Write the values that the variables have in the session; the path to restore from."""
        if global_step is not None:
            step = global_step if isinstance(global_step, int) else sess.run(global_step)
            save_path = f"{save_path}-{int(step)}"
        path = os.fspath(save_path).removesuffix(".npz")
        values = {name: sess.value_of(v) for name, v in self.variables.items()}
        np.savez(f"{path}.npz", **values)
        self.last_checkpoints.append(path)
        while self.max_to_keep and len(self.last_checkpoints) > self.max_to_keep:
            old = f"{self.last_checkpoints.pop(0)}.npz"
            if os.path.exists(old):
                os.remove(old)
        with open(os.path.join(os.path.dirname(path) or ".", "checkpoint"), "w") as file:
            file.write(f'model_checkpoint_path: "{os.path.basename(path)}"\n')
        return path

    def restore(self, sess: Any, save_path: str) -> None:
        """Set the variables in the session; every one must be in the file."""
        values = read_values(os.fspath(save_path))
        for name, variable in self.variables.items():
            if name not in values:
                raise NotFoundError(
                    f"Key {name} not found in checkpoint {save_path!r}, which has {sorted(values)}."
                )
            sess.load(variable, values[name])


def latest_checkpoint(checkpoint_dir: str, latest_filename: str | None = None) -> str | None:
    """`tf.train.latest_checkpoint`."""
    path = os.path.join(checkpoint_dir, latest_filename or "checkpoint")
    if not os.path.exists(path):
        return None
    with open(path) as file:
        name = file.readline().split('"')[1]
    return os.path.join(checkpoint_dir, name)


def checkpoint_exists(checkpoint_prefix: str) -> bool:
    """`tf.train.checkpoint_exists`."""
    return any(os.path.exists(f"{checkpoint_prefix}{end}") for end in (".npz", ".index", ""))


def write_graph(*_: Any, **__: Any) -> None:
    """`tf.train.write_graph`: nothing is written; there is no GraphDef."""


class Coordinator:
    """`tf.train.Coordinator`: nothing runs beside the program."""

    def __init__(self, *_: Any, **__: Any):
        self._stop = False

    def should_stop(self) -> bool:
        return self._stop

    def request_stop(self, *_: Any) -> None:
        self._stop = True

    def join(self, *_: Any, **__: Any) -> None:
        pass


def start_queue_runners(*_: Any, **__: Any) -> list[Any]:
    """`tf.train.start_queue_runners`: there are no queues."""
    return []


def __getattr__(name: str) -> Any:
    raise AttributeError(missing(sys.modules[__name__], "tf.train", name))

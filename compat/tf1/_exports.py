"""The names of graph mode and where they stand: `tf.Session`, `tf.train.Saver`,
`tf.contrib.layers.xavier_initializer`."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

from . import (
    _config,
    _control,
    _dtypes,
    _flags,
    _gradients,
    _graph,
    _graph_loss,
    _initializers,
    _layers,
    _loops,
    _moving,
    _random,
    _regularizers,
    _scatter,
    _scopes,
    _session,
    _shapes,
    _sources,
    _tape,
    _tensor_array,
    _variables,
    errors,
    summary,
    train,
)
from ._absent import ABSENT, Absent
from ._table import Namespace

# Names of a module that stand under `tf`.
_PLACES: tuple[tuple[Any, str], ...] = (
    (
        _config,
        "ConfigProto GPUOptions GraphOptions OptimizerOptions RunMetadata RunOptions "
        "disable_resource_variables disable_v2_behavior enable_resource_variables "
        "enable_v2_behavior device colocate_with Print",
    ),
    (_control, "case cond control_dependencies group"),
    (_gradients, "gradients"),
    (_graph, "Graph Operation get_default_graph reset_default_graph"),
    (_graph_loss, "GraphLoss"),
    (
        _initializers,
        "constant_initializer glorot_normal_initializer glorot_uniform_initializer "
        "ones_initializer orthogonal_initializer random_normal_initializer "
        "random_uniform_initializer truncated_normal_initializer variance_scaling_initializer "
        "zeros_initializer",
    ),
    (_loops, "foldl foldr map_fn scan while_loop"),
    (
        _random,
        "multinomial random_normal random_shuffle random_uniform set_random_seed truncated_normal",
    ),
    (
        _scatter,
        "IndexedSlices scatter_add scatter_div scatter_max scatter_min scatter_mul scatter_sub "
        "scatter_update",
    ),
    (
        _scopes,
        "AUTO_REUSE VariableScope get_variable get_variable_scope name_scope op_scope "
        "variable_scope",
    ),
    (_session, "InteractiveSession Session get_default_session"),
    (_shapes, "TensorShape"),
    (
        _sources,
        "constant disable_eager_execution enable_eager_execution executing_eagerly identity no_op "
        "placeholder placeholder_with_default",
    ),
    (_tape, "GradientTape"),
    (_tensor_array, "TensorArray"),
    (
        _variables,
        "GraphKeys Variable add_to_collection add_to_collections assign assign_add assign_sub "
        "get_collection get_collection_ref global_variables global_variables_initializer "
        "is_variable_initialized local_variables local_variables_initializer model_variables "
        "moving_average_variables report_uninitialized_variables trainable_variables "
        "variables_initializer",
    ),
)
NAMES: dict[str, Any] = {
    name: getattr(module, name) for module, names in _PLACES for name in names.split()
}
NAMES |= _dtypes.DTYPES
NAMES |= {
    "DType": _dtypes.DType,
    "as_dtype": _dtypes.as_dtype,
    "Dimension": _shapes.dimension,
    "tuple": _control.tuple_,
    "initialize_all_variables": _variables.global_variables_initializer,
    "initialize_variables": _variables.variables_initializer,
    "initialize_local_variables": _variables.local_variables_initializer,
    "all_variables": _variables.global_variables,
    "variable_op_scope": _scopes.variable_scope,
    "uniform_unit_scaling_initializer": _initializers.variance_scaling_initializer,
    "newaxis": None,
    "flags": _flags,
    "app.flags": _flags,
    "app.run": _flags.run,
    "layers.dense": _layers.dense,
    "layers.flatten": _layers.flatten,
    "layers.dropout": _layers.dropout,
    "contrib.layers.fully_connected": _layers.fully_connected,
    "contrib.layers.flatten": _layers.flatten,
    "contrib.slim.fully_connected": _layers.fully_connected,
    "contrib.slim.flatten": _layers.flatten,
    "contrib.slim.dropout": _layers.slim_dropout,
    "contrib.eager.GradientTape": _tape.GradientTape,
    "contrib.eager.enable_eager_execution": _sources.enable_eager_execution,
    "estimator.ModeKeys": SimpleNamespace(TRAIN="train", EVAL="eval", PREDICT="infer"),
    "errors": errors,
    "summary": summary,
    "train": train,
    "dtypes.DType": _dtypes.DType,
    "dtypes.as_dtype": _dtypes.as_dtype,
    "initializers.Constant": _initializers.constant_initializer,
    "initializers.GlorotNormal": _initializers.glorot_normal_initializer,
    "initializers.constant": _initializers.constant_initializer,
    "initializers.global_variables": _variables.global_variables_initializer,
    "initializers.glorot_normal": _initializers.glorot_normal_initializer,
    "initializers.glorot_uniform": _initializers.glorot_uniform_initializer,
    "initializers.identity": _initializers.identity_initializer,
    "initializers.local_variables": _variables.local_variables_initializer,
    "initializers.ones": _initializers.ones_initializer,
    "initializers.orthogonal": _initializers.orthogonal_initializer,
    "initializers.random_normal": _initializers.random_normal_initializer,
    "initializers.random_uniform": _initializers.random_uniform_initializer,
    "initializers.truncated_normal": _initializers.truncated_normal_initializer,
    "initializers.variables": _variables.variables_initializer,
    "initializers.variance_scaling": _initializers.variance_scaling_initializer,
    "initializers.zeros": _initializers.zeros_initializer,
    "contrib.layers.variance_scaling_initializer": _initializers.variance_scaling_initializer,
    "contrib.layers.xavier_initializer": _initializers.xavier_initializer,
    "contrib.layers.xavier_initializer_conv2d": _initializers.xavier_initializer,
    "contrib.layers.python.layers.initializers.xavier_initializer": (
        _initializers.xavier_initializer
    ),
    "contrib.layers.l1_regularizer": _regularizers.l1_regularizer,
    "contrib.layers.l2_regularizer": _regularizers.l2_regularizer,
    "contrib.slim.arg_scope": _config.arg_scope,
    "contrib.slim.l1_regularizer": _regularizers.l1_regularizer,
    "contrib.slim.l2_regularizer": _regularizers.l2_regularizer,
    "contrib.slim.variance_scaling_initializer": _initializers.variance_scaling_initializer,
    "contrib.slim.xavier_initializer": _initializers.xavier_initializer,
    "contrib.framework.get_or_create_global_step": train.get_or_create_global_step,
    "contrib.framework.arg_scope": _config.arg_scope,
    "control_flow_ops.with_dependencies": _control.with_dependencies,
    "logging.set_verbosity": _config.ignore,
    "logging.info": _config.ignore,
    "logging.warn": _config.ignore,
    "logging.DEBUG": 10,
    "logging.INFO": 20,
    "logging.WARN": 30,
    "logging.ERROR": 40,
    "logging.FATAL": 50,
    "logging.warning": _config.ignore,
    "logging.error": _config.ignore,
    "logging.debug": _config.ignore,
    "python.training.moving_averages.assign_moving_average": _moving.assign_moving_average,
    "python.ops.tensor_array_ops.TensorArray": _tensor_array.TensorArray,
    "python.ops.control_flow_ops.with_dependencies": _control.with_dependencies,
    "random.normal": _random.random_normal,
    "random.shuffle": _random.random_shuffle,
    "random.uniform": _random.random_uniform,
    "random.truncated_normal": _random.truncated_normal,
    "random.set_random_seed": _random.set_random_seed,
    "get_static_value": _shapes.static_value,
    "contrib.util.constant_value": _shapes.static_value,
}
NAMES |= ABSENT


def place(package: ModuleType, names: dict[str, Any]) -> None:
    """Set the names on the package, and make the namespaces between."""
    for name, value in names.items():
        *spaces, last = name.split(".")
        owner: Any = package
        for space in spaces:
            if not hasattr(owner, space):
                made = Namespace(f"{owner.__name__}.{space}", f"Names of `tf.{space}`.")
                setattr(owner, space, made)
                sys.modules[made.__name__] = made
            owner = getattr(owner, space)
        if not isinstance(value, Absent) or last not in vars(owner):
            setattr(owner, last, value)

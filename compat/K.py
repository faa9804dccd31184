"""The `keras.backend` of Keras 2 on any backend of Keras 3, name for name and figure for figure.

    from portable_losses.compat import K

    def rmse(y_true, y_pred):
        return K.sqrt(K.mean(K.square(y_pred - y_true), axis=-1))

All 148 names of Keras 2.15 are here, and those that older versions and their star imports had.
They take tensors, numbers, arrays, variables, tensors of a functional model (a model of them
saves), and nodes of a graph of `portable_losses.compat.tf1`. Values and gradients are those of
Keras 2.15, held to figures recorded from it: defaults, dtypes, clipping and ties are not those of
`keras.ops`.

Examples:
    >>> import numpy as np
    >>> from portable_losses.compat import K
    >>> K.eval(K.argmax(np.array([[1.0, 3.0], [2.0, 0.0]]))).tolist()  # the last axis
    [1, 0]
    >>> float(K.sqrt(-1.0))
    0.0
    >>> int(K.mean(np.array([1, 2])))
    1
"""

from types import SimpleNamespace
from typing import Any, NoReturn

from keras import config
from keras.config import epsilon as epsilon
from keras.config import floatx as floatx
from keras.config import image_data_format as image_data_format
from keras.config import set_epsilon as set_epsilon
from keras.config import set_image_data_format as set_image_data_format

from ._k_activations import binary_crossentropy as binary_crossentropy
from ._k_activations import binary_focal_crossentropy as binary_focal_crossentropy
from ._k_activations import categorical_crossentropy as categorical_crossentropy
from ._k_activations import categorical_focal_crossentropy as categorical_focal_crossentropy
from ._k_activations import elu as elu
from ._k_activations import hard_sigmoid as hard_sigmoid
from ._k_activations import in_top_k as in_top_k
from ._k_activations import l2_normalize as l2_normalize
from ._k_activations import relu as relu
from ._k_activations import sigmoid as sigmoid
from ._k_activations import softmax as softmax
from ._k_activations import softplus as softplus
from ._k_activations import softsign as softsign
from ._k_activations import sparse_categorical_crossentropy as sparse_categorical_crossentropy
from ._k_activations import tanh as tanh
from ._k_ctc import ctc_batch_cost as ctc_batch_cost
from ._k_ctc import ctc_decode as ctc_decode
from ._k_ctc import ctc_label_dense_to_sparse as ctc_label_dense_to_sparse
from ._k_images import resize_images as resize_images
from ._k_images import resize_volumes as resize_volumes
from ._k_images import spatial_2d_padding as spatial_2d_padding
from ._k_images import spatial_3d_padding as spatial_3d_padding
from ._k_images import temporal_padding as temporal_padding
from ._k_inputs import dtype_name
from ._k_inputs import is_tensor as is_tensor
from ._k_loops import foldl as foldl
from ._k_loops import foldr as foldr
from ._k_loops import map_fn as map_fn
from ._k_loops import rnn as rnn
from ._k_loops import symbolic as symbolic
from ._k_math import abs as abs
from ._k_math import all as all
from ._k_math import any as any
from ._k_math import argmax as argmax
from ._k_math import argmin as argmin
from ._k_math import cast_to as cast
from ._k_math import clip as clip
from ._k_math import cos as cos
from ._k_math import cumprod as cumprod
from ._k_math import cumsum as cumsum
from ._k_math import equal as equal
from ._k_math import exp as exp
from ._k_math import greater as greater
from ._k_math import greater_equal as greater_equal
from ._k_math import less as less
from ._k_math import less_equal as less_equal
from ._k_math import log as log
from ._k_math import logsumexp as logsumexp
from ._k_math import max as max
from ._k_math import maximum as maximum
from ._k_math import mean as mean
from ._k_math import min as min
from ._k_math import minimum as minimum
from ._k_math import moments as moments
from ._k_math import not_equal as not_equal
from ._k_math import pow as pow
from ._k_math import prod as prod
from ._k_math import round as round
from ._k_math import sign as sign
from ._k_math import sin as sin
from ._k_math import sqrt as sqrt
from ._k_math import square as square
from ._k_math import std as std
from ._k_math import sum as sum
from ._k_math import var as var
from ._k_products import batch_dot as batch_dot
from ._k_products import batch_normalization as batch_normalization
from ._k_products import bias_add as bias_add
from ._k_products import conv1d as conv1d
from ._k_products import conv2d as conv2d
from ._k_products import conv2d_transpose as conv2d_transpose
from ._k_products import conv3d as conv3d
from ._k_products import conv3d_transpose as conv3d_transpose
from ._k_products import depthwise_conv2d as depthwise_conv2d
from ._k_products import dot as dot
from ._k_products import local_conv1d as local_conv1d
from ._k_products import local_conv2d as local_conv2d
from ._k_products import normalize_batch_in_training as normalize_batch_in_training
from ._k_products import pool2d as pool2d
from ._k_products import pool3d as pool3d
from ._k_products import separable_conv1d as separable_conv1d
from ._k_products import separable_conv2d as separable_conv2d
from ._k_random import dropout as dropout
from ._k_random import random_bernoulli as random_bernoulli
from ._k_random import random_binomial as random_binomial
from ._k_random import random_normal as random_normal
from ._k_random import random_uniform as random_uniform
from ._k_random import truncated_normal as truncated_normal
from ._k_shapes import arange as arange
from ._k_shapes import batch_flatten as batch_flatten
from ._k_shapes import concatenate as concatenate
from ._k_shapes import count_params as count_params
from ._k_shapes import dtype as dtype
from ._k_shapes import expand_dims as expand_dims
from ._k_shapes import flatten as flatten
from ._k_shapes import gather as gather
from ._k_shapes import int_shape as int_shape
from ._k_shapes import is_sparse as is_sparse
from ._k_shapes import ndim as ndim
from ._k_shapes import one_hot as one_hot
from ._k_shapes import ones_like as ones_like
from ._k_shapes import permute_dimensions as permute_dimensions
from ._k_shapes import repeat as repeat
from ._k_shapes import repeat_elements as repeat_elements
from ._k_shapes import reshape as reshape
from ._k_shapes import reverse as reverse
from ._k_shapes import shape as shape
from ._k_shapes import slice as slice
from ._k_shapes import squeeze as squeeze
from ._k_shapes import stack as stack
from ._k_shapes import stop_gradient as stop_gradient
from ._k_shapes import switch as switch
from ._k_shapes import tile as tile
from ._k_shapes import to_dense as to_dense
from ._k_shapes import transpose as transpose
from ._k_shapes import where as where
from ._k_shapes import zeros_like as zeros_like
from ._k_state import backend as backend
from ._k_state import batch_get_value as batch_get_value
from ._k_state import batch_set_value as batch_set_value
from ._k_state import cast_to_floatx as cast_to_floatx
from ._k_state import clear_session as clear_session
from ._k_state import constant as constant
from ._k_state import eval as eval
from ._k_state import eye as eye
from ._k_state import function as function
from ._k_state import get_session as get_session
from ._k_state import get_uid as get_uid
from ._k_state import get_value as get_value
from ._k_state import gradients as gradients
from ._k_state import image_dim_ordering as image_dim_ordering
from ._k_state import in_test_phase as in_test_phase
from ._k_state import in_train_phase as in_train_phase
from ._k_state import is_keras_tensor as is_keras_tensor
from ._k_state import learning_phase as learning_phase
from ._k_state import learning_phase_scope as learning_phase_scope
from ._k_state import manual_variable_initialization as manual_variable_initialization
from ._k_state import moving_average_update as moving_average_update
from ._k_state import name_scope as name_scope
from ._k_state import ones as ones
from ._k_state import placeholder as placeholder
from ._k_state import print_tensor as print_tensor
from ._k_state import random_normal_variable as random_normal_variable
from ._k_state import random_uniform_variable as random_uniform_variable
from ._k_state import reset_uids as reset_uids
from ._k_state import set_image_dim_ordering as set_image_dim_ordering
from ._k_state import set_learning_phase as set_learning_phase
from ._k_state import set_session as set_session
from ._k_state import set_value as set_value
from ._k_state import to_tensor
from ._k_state import update as update
from ._k_state import update_add as update_add
from ._k_state import update_sub as update_sub
from ._k_state import variable as variable
from ._k_state import zeros as zeros


def set_floatx(dtype: Any) -> None:
    """float16, float32 or float64, by its name or as an object of NumPy or TensorFlow."""
    config.set_floatx(dtype_name(dtype))


def _epsilon() -> float:
    return float(epsilon())


def _to_tensor(x: Any, dtype: Any) -> Any:
    """A tensor of a dtype; old code took this private name."""
    return to_tensor(x, dtype)


def _gone(name: str) -> Any:
    def gone(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(
            f"`K.experimental.{name}` chose between two generators of TensorFlow. Keras 3 has one: "
            "leave the call out, and seed with `keras.utils.set_random_seed` or a "
            "`keras.random.SeedGenerator`."
        )

    return gone


experimental = SimpleNamespace(
    **{
        name: _gone(name)
        for name in (
            "disable_tf_random_generator",
            "enable_tf_random_generator",
            "is_tf_random_generator_enabled",
        )
    }
)

# Of TensorFlow's own modules, which the old file had imported and old code reached through it.
_ELSEWHERE = {
    "tf": "Import TensorFlow, or use `portable_losses.compat.tf1`, which runs on any backend.",
    "control_flow_ops": "Use `keras.ops.while_loop` or `keras.ops.cond`.",
    "math_ops": "Use the function of the same name in `keras.ops`.",
    "array_ops": "Use the function of the same name in `keras.ops`.",
    "get_graph": "Use `portable_losses.compat.tf1.get_default_graph`.",
    "get_variable_shape": "Use `K.int_shape`.",
    "is_placeholder": "Use `K.is_keras_tensor`.",
}


def __getattr__(name: str) -> Any:
    if name == "_EPSILON":
        return epsilon()
    if name == "_FLOATX":
        return floatx()
    told = _ELSEWHERE.get(name, "It was no public name of Keras 2.15 either; see keras.ops.")
    raise AttributeError(f"`K.{name}` is not in portable_losses.compat.K. {told}")


__all__ = [
    "abs",
    "all",
    "any",
    "arange",
    "argmax",
    "argmin",
    "backend",
    "batch_dot",
    "batch_flatten",
    "batch_get_value",
    "batch_normalization",
    "batch_set_value",
    "bias_add",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "cast",
    "cast_to_floatx",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "clear_session",
    "clip",
    "concatenate",
    "constant",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "cos",
    "count_params",
    "ctc_batch_cost",
    "ctc_decode",
    "ctc_label_dense_to_sparse",
    "cumprod",
    "cumsum",
    "depthwise_conv2d",
    "dot",
    "dropout",
    "dtype",
    "elu",
    "epsilon",
    "equal",
    "eval",
    "exp",
    "expand_dims",
    "experimental",
    "eye",
    "flatten",
    "floatx",
    "foldl",
    "foldr",
    "function",
    "gather",
    "get_session",
    "get_uid",
    "get_value",
    "gradients",
    "greater",
    "greater_equal",
    "hard_sigmoid",
    "image_data_format",
    "image_dim_ordering",
    "in_test_phase",
    "in_top_k",
    "in_train_phase",
    "int_shape",
    "is_keras_tensor",
    "is_sparse",
    "is_tensor",
    "l2_normalize",
    "learning_phase",
    "learning_phase_scope",
    "less",
    "less_equal",
    "local_conv1d",
    "local_conv2d",
    "log",
    "logsumexp",
    "manual_variable_initialization",
    "map_fn",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "moments",
    "moving_average_update",
    "name_scope",
    "ndim",
    "normalize_batch_in_training",
    "not_equal",
    "one_hot",
    "ones",
    "ones_like",
    "permute_dimensions",
    "placeholder",
    "pool2d",
    "pool3d",
    "pow",
    "print_tensor",
    "prod",
    "random_bernoulli",
    "random_binomial",
    "random_normal",
    "random_normal_variable",
    "random_uniform",
    "random_uniform_variable",
    "relu",
    "repeat",
    "repeat_elements",
    "reset_uids",
    "reshape",
    "resize_images",
    "resize_volumes",
    "reverse",
    "rnn",
    "round",
    "separable_conv1d",
    "separable_conv2d",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_image_dim_ordering",
    "set_learning_phase",
    "set_session",
    "set_value",
    "shape",
    "sigmoid",
    "sign",
    "sin",
    "slice",
    "softmax",
    "softplus",
    "softsign",
    "sparse_categorical_crossentropy",
    "spatial_2d_padding",
    "spatial_3d_padding",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "stop_gradient",
    "sum",
    "switch",
    "symbolic",
    "tanh",
    "temporal_padding",
    "tile",
    "to_dense",
    "transpose",
    "truncated_normal",
    "update",
    "update_add",
    "update_sub",
    "var",
    "variable",
    "where",
    "zeros",
    "zeros_like",
]

"""Which function each of TensorFlow's names means: one table, aliases included.

`NAMES` has every name without `tf.`. `put_into` makes the namespaces `tf.math`, `tf.nn`, ... of it.
"""

import sys
from types import ModuleType
from typing import Any

from . import (
    _arrays,
    _checks,
    _images,
    _indexing,
    _linalg,
    _losses,
    _math,
    _metric_learning,
    _metrics,
    _nn,
    _random,
    _reductions,
    _sampled,
    _segments,
    _sizes,
    _sources,
    _streaming,
    _windows,
)
from ._dtypes import DTYPES, DType, as_dtype
from .errors import missing

# Functions of a module, and where they stand: `*` is tf itself, followed by the namespaces; what
# has other names than its own follows below.
_PLACES: tuple[tuple[Any, str, str], ...] = (
    (
        _math,
        "* math",
        "abs acos acosh add add_n asin asinh atan atan2 atanh ceil cos cosh divide equal erf erfc "
        "exp expm1 floor floordiv floormod greater greater_equal is_finite is_inf is_nan less "
        "less_equal log log1p log_sigmoid logical_and logical_not logical_or logical_xor maximum "
        "minimum multiply negative not_equal pow reciprocal rint round rsqrt scalar_mul "
        "sigmoid sign sin sinh sqrt square squared_difference subtract tan tanh truediv",
    ),
    (
        _math,
        "*",
        "cast clip_by_value div div_no_nan realdiv saturate_cast to_bfloat16 to_double to_float",
    ),
    (_math, "*", "to_int32 to_int64 truncatediv truncatemod"),
    (_math, "math", "multiply_no_nan xdivy xlogy"),
    (
        _reductions,
        "* math",
        "argmax argmin count_nonzero cumprod cumsum reduce_all reduce_any reduce_logsumexp "
        "reduce_max reduce_mean reduce_min reduce_prod reduce_sum",
    ),
    (_reductions, "math", "reduce_euclidean_norm reduce_std reduce_variance"),
    (_reductions, "*", "arg_max arg_min"),
    (_reductions, "* linalg", "norm"),
    (_reductions, "nn", "moments"),
    (
        _sizes,
        "*",
        "broadcast_dynamic_shape broadcast_static_shape broadcast_to convert_to_tensor "
        "ensure_shape expand_dims eye fill linspace ones ones_like rank reshape shape "
        "shape_n squeeze stop_gradient zeros zeros_like",
    ),
    (
        _arrays,
        "*",
        "concat depth_to_space meshgrid one_hot pad repeat reverse roll sequence_mask "
        "space_to_depth split stack strided_slice tile transpose unstack where where_v2",
    ),
    (
        _indexing,
        "*",
        "argsort batch_gather boolean_mask dynamic_partition dynamic_stitch gather gather_nd "
        "scatter_nd searchsorted sort tensor_scatter_nd_add tensor_scatter_nd_sub "
        "tensor_scatter_nd_update unique unique_with_counts",
    ),
    (_indexing, "* math", "bincount confusion_matrix invert_permutation"),
    (
        _segments,
        "* math",
        "segment_max segment_mean segment_min segment_prod segment_sum unsorted_segment_max "
        "unsorted_segment_mean unsorted_segment_min unsorted_segment_prod unsorted_segment_sqrt_n "
        "unsorted_segment_sum",
    ),
    (_indexing, "nn math", "in_top_k top_k"),
    (
        _nn,
        "nn",
        "batch_normalization bias_add crelu dropout elu embedding_lookup l2_loss l2_normalize "
        "leaky_relu log_poisson_loss log_softmax relu relu6 selu sigmoid_cross_entropy_with_logits "
        "softmax softmax_cross_entropy_with_logits softmax_cross_entropy_with_logits_v2 softplus "
        "softsign sparse_softmax_cross_entropy_with_logits swish "
        "weighted_cross_entropy_with_logits zero_fraction",
    ),
    (_sampled, "nn", "nce_loss sampled_softmax_loss"),
    (
        _sampled,
        "nn random",
        "fixed_unigram_candidate_sampler log_uniform_candidate_sampler uniform_candidate_sampler",
    ),
    (_nn, "math", "l2_normalize log_softmax softmax softplus softsign zero_fraction"),
    (_nn, "linalg", "l2_normalize global_norm"),
    (_nn, "*", "clip_by_global_norm clip_by_norm global_norm"),
    (_windows, "nn", "avg_pool conv2d depthwise_conv2d max_pool"),
    (_windows, "image", "extract_patches"),
    (
        _images,
        "image",
        "convert_image_dtype image_gradients psnr rgb_to_grayscale sobel_edges ssim "
        "ssim_multiscale total_variation",
    ),
    (
        _linalg,
        "* linalg",
        "cholesky cross einsum matmul matrix_transpose qr svd tensordot trace",
    ),
    (
        _linalg,
        "*",
        "batch_matmul diag diag_part matrix_band_part matrix_determinant matrix_diag "
        "matrix_diag_part matrix_inverse matrix_set_diag matrix_solve self_adjoint_eig "
        "self_adjoint_eigvals",
    ),
    (_linalg, "linalg", "logdet matvec"),
    (
        _random,
        "*",
        "multinomial random_crop random_normal random_shuffle random_uniform set_random_seed "
        "truncated_normal",
    ),
    (_random, "random", "categorical truncated_normal"),
    (
        _checks,
        "* debugging",
        "Assert assert_equal assert_greater assert_greater_equal assert_less assert_less_equal "
        "assert_negative assert_non_negative assert_non_positive assert_none_equal assert_positive "
        "assert_rank check_numerics",
    ),
    (_checks, "debugging", "assert_all_finite"),
    (
        _checks,
        "*",
        "custom_gradient function py_func py_function verify_tensor_all_finite",
    ),
    (
        _losses,
        "losses",
        "Huber Loss Reduction absolute_difference add_loss compute_weighted_loss cosine_distance "
        "get_losses get_regularization_loss get_regularization_losses get_total_loss hinge_loss "
        "huber_loss log_loss mean_pairwise_squared_error mean_squared_error sigmoid_cross_entropy "
        "softmax_cross_entropy sparse_softmax_cross_entropy",
    ),
    (
        _metric_learning,
        "contrib.losses.metric_learning",
        "contrastive_loss lifted_struct_loss npairs_loss npairs_loss_multilabel "
        "triplet_semihard_loss",
    ),
)

# Other names: a name that is there, and what it is called as well.
_ALIASES = {
    "concat": "concat_v2",
    "cast": "dtypes.cast",
    "saturate_cast": "dtypes.saturate_cast",
    "div_no_nan": "math.divide_no_nan",
    "eye": "linalg.eye",
    "floordiv": "floor_div",
    "floormod": "mod math.mod",
    "linspace": "lin_space",
    "multiply": "mul",
    "negative": "neg",
    "subtract": "sub",
    "is_nan": "debugging.is_nan",
    "is_inf": "debugging.is_inf",
    "is_finite": "debugging.is_finite",
    "nn.swish": "nn.silu",
    "reverse": "reverse_v2 manip.reverse",
    "roll": "manip.roll",
    "tile": "manip.tile",
    "gather_nd": "manip.gather_nd",
    "scatter_nd": "manip.scatter_nd",
    "reshape": "manip.reshape",
    "stack": "pack",
    "unstack": "unpack",
    "sigmoid": "nn.sigmoid",
    "tanh": "nn.tanh",
    "tensor_scatter_nd_add": "tensor_scatter_add",
    "tensor_scatter_nd_sub": "tensor_scatter_sub",
    "tensor_scatter_nd_update": "tensor_scatter_update",
    "diag": "linalg.tensor_diag",
    "diag_part": "linalg.tensor_diag_part",
    "matrix_band_part": "linalg.band_part",
    "matrix_determinant": "linalg.det",
    "matrix_diag": "linalg.diag",
    "matrix_diag_part": "linalg.diag_part",
    "matrix_inverse": "linalg.inv",
    "matrix_set_diag": "linalg.set_diag",
    "matrix_solve": "linalg.solve",
    "matrix_transpose": "linalg.transpose linalg.adjoint",
    "self_adjoint_eig": "linalg.eigh",
    "self_adjoint_eigvals": "linalg.eigvalsh",
    "multinomial": "random.multinomial",
    "random_normal": "random.normal",
    "random_shuffle": "random.shuffle",
    "random_uniform": "random.uniform",
    "set_random_seed": "random.set_random_seed random.set_seed",
    "py_func": "numpy_function",
    "nn.max_pool": "nn.max_pool2d",
    "nn.avg_pool": "nn.avg_pool2d",
    "nn.depthwise_conv2d": "nn.depthwise_conv2d_native",
    "image.extract_patches": "image.extract_image_patches",
    "space_to_depth": "nn.space_to_depth",
    "depth_to_space": "nn.depth_to_space",
}

# Names of one function alone, where Python's own name stands in the way or a module has another.
_SINGLE: dict[str, Any] = {
    "constant": _sources.constant,
    "identity": _sources.identity,
    "Tensor": _sizes.Tensor,
    "is_tensor": _sizes.is_tensor_,
    "newaxis": None,
    "print": _checks.print_,
    "range": _sizes.range_,
    "size": _sizes.size_,
    "slice": _arrays.slice_,
    "DType": DType,
    "as_dtype": as_dtype,
    "contrib.metrics.accuracy": _metrics.accuracy,
    "contrib.metrics.confusion_matrix": _indexing.confusion_matrix,
    "python.ops.metrics_impl._streaming_confusion_matrix": _streaming.streaming_confusion_matrix,
    "python.framework.ops.convert_to_tensor": _sizes.convert_to_tensor,
    "dtypes.DType": DType,
    "dtypes.as_dtype": as_dtype,
    "python.ops.weights_broadcast_ops.broadcast_weights": _losses.broadcast_weights,
}


def _names() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for module, places, names in _PLACES:
        for place in places.split():
            prefix = "" if place == "*" else place + "."
            found |= {prefix + name: getattr(module, name) for name in names.split()}
    found |= _SINGLE
    for name, dtype in DTYPES.items():
        found[name] = found[f"dtypes.{name}"] = found[f"python.framework.dtypes.{name}"] = dtype
    found |= {f"metrics.{name}": function for name, function in _metrics.FUNCTIONS.items()}
    streaming = _streaming.STREAMING.items()
    found |= {f"contrib.metrics.streaming_{name}": function for name, function in streaming}
    found |= {f"python.ops.metrics_impl.{name}": f for name, f in _metrics.FUNCTIONS.items()}
    for name, others in _ALIASES.items():
        found |= dict.fromkeys(others.split(), found[name])
    return found


NAMES = _names()

# Modules of TensorFlow that old code reached into: views of the whole.
_INNER: tuple[str, ...] = (
    "array_ops",
    "math_ops",
    "nn_ops",
    "control_flow_ops",
    "linalg_ops",
    "random_ops",
)
_INNER += ("check_ops", "clip_ops", "gen_array_ops", "gen_math_ops")


class Namespace(ModuleType):
    """`tf.math` and its like: a missing name says so."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        short = self.__name__.split(".tf1.", 1)[-1]
        raise AttributeError(missing(self, f"tf.{short}", name))


def put_into(package: ModuleType, names: dict[str, Any]) -> None:
    """Give a package all the names, in namespaces below it."""
    for dotted, value in names.items():
        *path, last = dotted.split(".")
        setattr(namespace(package, path), last, value)
        if not path or path == ["nn"]:
            for inner in _INNER:
                setattr(namespace(package, ["python", "ops", inner]), last, value)


def namespace(package: ModuleType, path: list[str]) -> ModuleType:
    """The namespace at a path below a package, made where it is not there."""
    found: Any = package
    for part in path:
        inside = vars(found).get(part)
        # Not a module of Python's that was imported under that name, such as `math`.
        if not getattr(inside, "__name__", "").startswith(package.__name__):
            inside = Namespace(f"{found.__name__}.{part}")
            setattr(found, part, inside)
            sys.modules.setdefault(inside.__name__, inside)
        found = inside
    return found

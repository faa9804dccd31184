"""Calls of TensorFlow's operations: what `record_tf1_ops.py` records on TensorFlow 1.15, and what
`tests/compat/test_tf1_ops.py` asks of `portable_losses.compat.tf1`.

NumPy alone, in the syntax of Python 3.7. An array is given as a tensor, anything else as it is.
"""

# ruff: noqa: B905, RUF005  # of later Pythons than this runs on

import json

import numpy as np

INF, NAN = float("inf"), float("nan")


class Name(str):
    """A value by the name that it has in tf, such as `float32`."""


class Call:
    """`tf.<name>(*args, **kwargs)`; `by`: the arguments, by position or keyword, that the gradient
    is taken by. `safer`: where TF's number is not finite, ours is."""

    def __init__(self, name, args, kwargs, by=(), safer=False):
        self.name, self.args, self.kwargs = name, args, kwargs
        self.by, self.safer = by, safer

    def with_arrays(self, convert, lookup):
        """Arguments in which arrays are converted, and names looked up; and those of `by`."""

        def change(x):
            if isinstance(x, np.ndarray):
                return convert(x)
            if isinstance(x, Name):
                return lookup(x)
            if isinstance(x, list) and any(isinstance(v, np.ndarray) for v in x):
                return [change(v) for v in x]
            return x

        args = [change(x) for x in self.args]
        kwargs = {key: change(x) for key, x in self.kwargs.items()}
        return args, kwargs, self._by(args, kwargs)

    def by_arrays(self):
        return self._by(self.args, self.kwargs)

    def _by(self, args, kwargs):
        return [kwargs[k] if isinstance(k, str) else args[k] for k in self.by]


CALLS = []


def call(name, *args, **kwargs):
    """Note a call. `by` and `safer` are for `Call`, all other keywords for the function."""
    by, safer = kwargs.pop("by_", ()), kwargs.pop("safer_", False)
    for one in name.split():
        CALLS.append(Call(one, args, kwargs, by, safer))


def by_name():
    found = {}
    for one in CALLS:
        found.setdefault(one.name, []).append(one)
    return found


def draw(seed, *shape):
    return np.random.RandomState(seed).normal(size=shape).astype("float32")


def positive(seed, *shape):
    return np.abs(draw(seed, *shape)) + np.float32(0.1)


def ints(*values):
    return np.array(values, "int32")


def floats(*values):
    return np.array(values, "float32")


def weights_of(shape):
    """What a result is multiplied by before its gradient is taken, so that no two entries of it
    count the same."""
    return np.cos(np.arange(int(np.prod(shape)), dtype="float64")).reshape(shape)


def pack(results):
    """Results of the calls of one function as one vector and a description of its parts."""
    flat, layout = [], []
    for values, gradients in results:
        described = []
        for arrays in (values, gradients):
            arrays = [np.asarray(x) for x in arrays]
            flat += [x.astype("float64").ravel() for x in arrays]
            described.append([[list(x.shape), str(x.dtype)] for x in arrays])
        layout.append(described)
    return np.concatenate(flat) if flat else np.zeros(0), layout


def unpack(flat, layout):
    """What `pack` took; floats in float64."""
    results, start = [], 0
    for described in layout:
        found = []
        for arrays in described:
            part = []
            for shape, dtype in arrays:
                size = int(np.prod(shape))
                part.append((flat[start : start + size].reshape(shape), dtype))
                start += size
            found.append(part)
        results.append(found)
    return results


def dump(layouts):
    return json.dumps(layouts, sort_keys=True)


# Arithmetic, entry by entry. x and y tie at the third entry; the last of y is 0 in some.

X, Y = floats(-2.5, -0.5, 0.0, 1.0, 2.5, 7.0), floats(1.5, -0.5, 0.0, 2.0, -2.5, 3.0)
WHOLE, OTHER_WHOLE = ints(-7, -4, -1, 0, 3, 9), ints(2, -3, 4, 5, -2, 4)
call("add subtract multiply maximum minimum squared_difference", X, Y, by_=(0, 1))
call("add subtract multiply maximum minimum squared_difference", WHOLE, OTHER_WHOLE)
call("math.add math.multiply math.subtract", draw(1, 2, 3), draw(2, 3), by_=(0, 1))
call("multiply add subtract", draw(3, 2, 2), 2.0, by_=(0,))
call("subtract", 1.0, draw(3, 2, 2), by_=(1,))
NONZERO = floats(1.5, -0.5, 0.25, 2.0, -2.5, 3.0)
call("divide div truediv realdiv math.divide", X, NONZERO, by_=(0, 1))
call("divide div truediv floordiv floormod mod truncatediv truncatemod", WHOLE, OTHER_WHOLE)
call("floordiv floormod truncatemod", X, NONZERO)
call("divide", X, Y)
call("div_no_nan math.divide_no_nan", X, Y, by_=(0, 1))
call("math.multiply_no_nan", floats(1.0, INF, NAN, 2.0), floats(2.0, 0.0, 0.0, 3.0))
call("math.xlogy math.xdivy", floats(0.0, 0.0, 1.0, 2.0), floats(0.0, 2.0, 3.0, 0.5))
call("pow", floats(0.5, 2.0, 3.0, 1.5), floats(2.0, -1.5, 0.0, 3.0), by_=(0, 1))
call("pow", floats(0.0, 0.0, -2.0, -1.5), floats(2.0, 1.0, 2.0, 3.0), by_=(0, 1))
call("pow math.pow", floats(0.0, -1.0, 2.0), 2.0, by_=(0,))
call("pow", ints(2, 3, -2), 3)
call("atan2", X, NONZERO, by_=(0, 1))
call("equal not_equal less less_equal greater greater_equal", X, Y)
call("math.equal math.less math.greater", WHOLE, 3)
call(
    "logical_and logical_or logical_xor",
    np.array([True, True, False]),
    np.array([True, False, False]),
)
call("logical_not", np.array([True, False]))

call("abs math.abs", floats(-2.0, 0.0, 3.0), by_=(0,))
call("abs negative sign square", WHOLE)
call("sign negative square floor ceil", floats(-2.5, 0.0, 1.2), by_=(0,))
call("round rint", floats(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4))
call("sqrt", floats(0.0, 0.25, 4.0), by_=(0,), safer_=True)
call("sqrt", floats(-1.0))
call("rsqrt reciprocal log math.log log1p", floats(0.25, 1.0, 4.0), by_=(0,))
call("log", floats(0.0, -1.0))
call(
    "exp expm1 sin cos tan sinh cosh tanh atan asinh sigmoid erf", floats(-1.5, 0.0, 0.7), by_=(0,)
)
call("erfc math.log_sigmoid", floats(-1.5, 0.0, 0.7), by_=(0,))
call("sigmoid math.log_sigmoid", floats(-200.0, -30.0, 30.0, 200.0), by_=(0,))
call("asin acos atanh", floats(-0.5, 0.0, 0.7), by_=(0,))
call("acosh", floats(1.5, 3.0), by_=(0,))
call("is_nan is_inf is_finite", floats(NAN, INF, -INF, 1.0))
call("add_n", [draw(5, 2, 2), draw(6, 2, 2), draw(7, 2, 2)])
call("clip_by_value", floats(-2.0, -1.0, 0.0, 1.0, 2.0), -1.0, 1.0, by_=(0,))
call("clip_by_value", floats(-2.0, 0.0, 2.0), floats(-1.0, -1.0, 0.0), 1.0, by_=(0,))
call("clip_by_value", ints(-3, 2, 8), 0, 5)
call("scalar_mul", 3.0, draw(8, 3), by_=(1,))
call("cast", floats(-1.7, -0.2, 0.0, 1.9), Name("int32"))
call("cast", floats(-1.7, 0.0, 1.9), Name("bool"))
call("cast", ints(-1, 0, 300), Name("float32"))
call("cast dtypes.cast", np.array([True, False]), dtype=Name("float32"))
call("cast", draw(9, 3), Name("float16"))
call("to_float to_int64", ints(1, -2))
call("to_int32 to_double", floats(1.7, -1.7))
call("saturate_cast", floats(-3.0, 100.0, 300.0), Name("uint8"))

# Reductions.

M = draw(11, 2, 3, 2)
REDUCE = "reduce_sum reduce_mean reduce_max reduce_min reduce_prod reduce_logsumexp"
call(REDUCE, M, by_=(0,))
call(REDUCE, M, 1, by_=(0,))
call(REDUCE, M, axis=[0, -1], keepdims=True, by_=(0,))
call("reduce_sum reduce_mean reduce_max", M, reduction_indices=[1], keep_dims=True, by_=(0,))
call("math.reduce_sum math.reduce_mean math.reduce_max math.reduce_min", M, -1, True, by_=(0,))
call("reduce_sum reduce_mean reduce_max", M, axis=[])
call("reduce_sum reduce_max", np.float32(3.5) * np.ones((), "float32"))
call("reduce_sum reduce_mean reduce_max reduce_min reduce_prod", ints(-3, -2, 4))
call("reduce_mean", ints(1, 2))
call("reduce_mean", ints(-1, -2))
call("reduce_mean", np.array([[1, 2], [3, 5]], "int64"), 0)
call("reduce_sum", np.array([200, 100], "uint8"))
call("reduce_sum", np.array([100, 100], "int8"))
call("reduce_max", floats(2.0, 5.0, 5.0, 1.0), by_=(0,))
call("reduce_min", np.array([[1.0, 1.0], [2.0, 1.0]], "float32"), 1, by_=(0,))
call("reduce_logsumexp", floats(1000.0, 1000.0), by_=(0,))
call("reduce_logsumexp", floats(-INF, -INF))
call("math.reduce_std math.reduce_variance", M, 1, by_=(0,))
call("math.reduce_std", floats(2.0, 2.0), by_=(0,), safer_=True)
call("math.reduce_euclidean_norm", M, [0, 2])  # its gradient came with TF 2
BOOLS = np.array([[True, False], [True, True]])
call("reduce_all reduce_any", BOOLS)
call("reduce_all math.reduce_any", BOOLS, 1, keepdims=True)
call("count_nonzero", floats(0.0, 2.0, 0.0, -1.0))
call("math.count_nonzero", BOOLS, axis=0, dtype=Name("int32"))
RANKED = np.array([[3.0, 5.0, 5.0], [4.0, 1.0, 2.0]], "float32")
call("argmax argmin", RANKED)
call("argmax argmin math.argmax", RANKED, 1)
call("argmax argmin", RANKED, dimension=-1)
call("argmax", RANKED, axis=1, output_type=Name("int32"))
call("arg_max arg_min", RANKED, 1)
call("cumsum cumprod", draw(12, 3, 2), by_=(0,))
call("cumsum", draw(12, 3, 2), 1, exclusive=True, by_=(0,))
call("cumsum cumprod", draw(12, 3, 2), axis=-1, reverse=True, by_=(0,))
call("cumsum", ints(1, 2, 3), exclusive=True, reverse=True)
call("nn.moments", M, [0, 1], by_=(0,))
call("nn.moments", M, axes=[2], keep_dims=True)
call("norm", M, by_=(0,))
call("norm linalg.norm", M, axis=-1, by_=(0,))
call("norm", M, ord=1, axis=1, keep_dims=True, by_=(0,))
call("norm", M, ord=np.inf, axis=1)
call("norm", positive(13, 2, 3), ord=3, axis=1)
call("norm", M, axis=[0, 1], keepdims=True, by_=(0,))
call("norm", M, ord=1, axis=[0, 1])
call("norm", M, ord=np.inf, axis=[0, 1])
call("norm", np.zeros((2, 2), "float32"), axis=1, by_=(0,), safer_=True)

# Shapes, and tensors made of them.

call("shape", M)
call("size rank", M)
call("reshape", M, [2, -1], by_=(0,))
call("reshape", M, ints(3, 4))
call("expand_dims", M, 1)
call("expand_dims", M, dim=-1)
call("squeeze", np.ones((1, 2, 1), "float32"))
call("squeeze", np.ones((1, 2, 1), "float32"), [0])
call("squeeze", np.ones((1, 2, 1), "float32"), squeeze_dims=[-1])
call("zeros ones", [2, 3])
call("zeros ones", [2], Name("int32"))
call("fill", [2, 2], 7)
call("fill", [2], 1.5)
call("zeros_like ones_like", WHOLE)
call("zeros_like ones_like", WHOLE, dtype=Name("float32"))
call("range", 4)
call("range", 2, 9, 3)
call("range", 0.0, 1.0, 0.25)
call("range", 5, dtype=Name("float32"))
call("linspace", 0.0, 1.0, 5)
call("eye linalg.eye", 3)
call("eye", 2, 3, batch_shape=[2], dtype=Name("int32"))
call("convert_to_tensor", [1, 2])
call("convert_to_tensor constant", [1.0, 2.0])
call("convert_to_tensor", [[1, 2]], Name("float32"))
call("convert_to_tensor", np.array([1.0, 2.0]))
call("constant", 3, shape=[2, 2])
call("constant", [1, 2, 3], shape=[2, 3], dtype=Name("float32"))
call("constant", [1, 2, 3, 4], shape=[2, 2])
call("identity stop_gradient", X, by_=(0,))
call("broadcast_to", draw(14, 3), [2, 3], by_=(0,))
call("broadcast_dynamic_shape", ints(2, 1, 3), ints(4, 1))

# Cut, joined, turned.

A, B = draw(15, 2, 3), draw(16, 2, 3)
call("concat", [A, B], 0)
call("concat", [A, B], axis=-1)
call("stack", [A, B])
call("stack", [A, B], axis=-1)
call("unstack", A)
call("unstack", A, axis=1)
call("split", A, 3, 1)
call("split", A, [1, 2], axis=1)
call("split", A, [2, -1], -1)
call("transpose", A, by_=(0,))
call("transpose", M, [1, 0, 2], by_=(0,))
call("tile", A, [2, 1], by_=(0,))
call("pad", A, [[1, 0], [0, 2]], by_=(0,))
call("pad", A, [[0, 0], [1, 2]], constant_values=5.0)
call("pad", A, [[1, 1], [2, 1]], mode="REFLECT", by_=(0,))
call("pad", A, [[1, 2], [2, 3]], "SYMMETRIC", by_=(0,))
call("reverse", A, [1], by_=(0,))
call("reverse", A, axis=[0, -1])
call("roll", A, 1, 1)
call("roll", A, [1, -1], [0, 1])
call("repeat", A, 2, axis=1, by_=(0,))
call("repeat", ints(1, 2, 3), [0, 2, 1])
call("repeat", A, 2)
call("slice", A, [0, 1], [2, -1], by_=(0,))
call("slice", M, [1, 0, 1], [1, 2, 1])
call("strided_slice", A, [0, 0], [2, 3], [1, 2])
call("one_hot", ints(0, 2, 1), 3)
call("one_hot", ints(-1, 3, 1), 3)
call("one_hot", ints(0, 2), 3, on_value=5.0, off_value=-1.0)
call("one_hot", np.array([[0, 1], [2, 5]], "int64"), 3, axis=1, dtype=Name("int32"))
call("one_hot", ints(0, 2), 3, axis=0)
call("sequence_mask", ints(1, 3, 0), 4)
call("sequence_mask", ints(1, 3, 0), dtype=Name("float32"))
call("meshgrid", ints(1, 2, 3), ints(4, 5))
call("meshgrid", ints(1, 2, 3), ints(4, 5), indexing="ij")
call("space_to_depth", draw(17, 1, 4, 4, 2), 2)
call("depth_to_space", draw(18, 1, 2, 2, 8), 2)
CONDITION = np.array([[True, False, True], [False, True, False]])
call("where", CONDITION, A, B, by_=(1, 2))
call("where", np.array([True, False]), A, B, by_=(1, 2))
call("where", np.array([True, False]), draw(19, 2, 2), draw(20, 2, 2))
call("where", CONDITION)
call("where_v2", np.array([True, False, True]), A, 0.0)
call("where_v2", np.array([[True], [False]]), A, B, by_=(1, 2))

# Rows taken and added up.

call("gather", A, ints(1, 0, 1), by_=(0,))
call("gather", A, np.array([[0, 2], [1, 1]], "int32"), axis=1, by_=(0,))
call("gather", M, ints(1, 0), axis=-1)
call("gather", A, 1)
call("gather", M, np.array([[0, 2], [1, 1]], "int32"), batch_dims=1, by_=(0,))
call("gather", M, np.array([[0, 1], [1, 1]], "int32"), axis=2, batch_dims=1)
call("batch_gather", A, np.array([[0, 2], [1, 1]], "int32"), by_=(0,))
call("gather_nd", M, np.array([[0, 1], [1, 2]], "int32"), by_=(0,))
call("gather_nd", M, np.array([[[0, 1, 1]], [[1, 2, 0]]], "int64"), by_=(0,))
call("gather_nd", M, np.array([[1], [2]], "int32"), batch_dims=1)
PLACES = np.array([[0], [2], [0]], "int32")
call("scatter_nd", PLACES, draw(21, 3, 2), [4, 2], by_=(1,))
call("scatter_nd", np.array([[0, 1], [1, 1]], "int32"), ints(5, 7), [2, 2])
TABLE = draw(22, 4, 2)
call("tensor_scatter_nd_add tensor_scatter_nd_sub", TABLE, PLACES, draw(21, 3, 2), by_=(0, 2))
call("tensor_scatter_nd_update", TABLE, PLACES[:2], draw(21, 2, 2), by_=(0, 2))
ROWS, IDS = draw(23, 5, 2), ints(1, 0, 1, 3, 0)
UNSORTED = "unsorted_segment_sum unsorted_segment_mean unsorted_segment_max unsorted_segment_min"
call(UNSORTED, ROWS, IDS, 4, by_=(0,))
call("unsorted_segment_prod unsorted_segment_sqrt_n", ROWS, IDS, 5, by_=(0,))
call(UNSORTED, floats(1.0, 4.0, 4.0, 2.0), ints(0, 1, 1, -1), 2, by_=(0,))
call("unsorted_segment_sum unsorted_segment_max", ints(3, 1, 2), ints(1, 1, 0), num_segments=3)
call("unsorted_segment_sum", draw(24, 2, 2, 3), np.array([[0, 1], [1, 0]], "int32"), 2)
SORTED = ints(0, 0, 1, 3, 3)
call("segment_sum segment_mean segment_max segment_min", ROWS, SORTED, by_=(0,))
call("segment_prod", ROWS, SORTED)
call("unique unique_with_counts", ints(3, 1, 3, 2, 1, 3))
call("unique_with_counts", np.array([5], "int64"), out_idx=Name("int64"))
call("boolean_mask", A, np.array([True, False]), by_=(0,))
call("boolean_mask", A, CONDITION, by_=(0,))
call("boolean_mask", A, np.array([True, False, True]), axis=1, by_=(0,))
call("dynamic_partition", ROWS, ints(1, 0, 0, 1, 0), 2)
call("dynamic_stitch", [ints(0, 2), ints(1, 3)], [floats(1.0, 2.0), floats(3.0, 4.0)])
TIES = np.array([[1.0, 3.0, 3.0, 2.0], [5.0, 5.0, 5.0, 0.0]], "float32")
call("nn.top_k", TIES, 2, by_=(0,))
call("nn.top_k", ints(4, 9, 9, 1), 3)
call("nn.in_top_k", TIES, ints(1, 2), 1)
call("nn.in_top_k math.in_top_k", TIES, ints(3, 3), k=3)
call("nn.in_top_k", np.array([[1.0, NAN], [1.0, 2.0]], "float32"), ints(0, 1), 2)
call("argsort", TIES, stable=True)
call("argsort", TIES, direction="DESCENDING")
call("sort", A, by_=(0,))
call("sort", A, axis=0, direction="DESCENDING", by_=(0,))
call("searchsorted", floats(1.0, 2.0, 2.0, 5.0), floats(0.0, 2.0, 6.0))
call("searchsorted", floats(1.0, 2.0, 2.0, 5.0), floats(0.0, 2.0, 6.0), side="right")
call("invert_permutation", ints(2, 0, 1))
call("bincount", ints(1, 1, 3))
call("bincount", ints(1, 1, 3), minlength=6)
call("bincount", ints(1, 1, 3), weights=floats(0.5, 1.0, 2.0))
call("confusion_matrix math.confusion_matrix", ints(0, 1, 2, 2), ints(0, 2, 2, 2))
call("confusion_matrix", ints(0, 1, 1), ints(1, 1, 1), num_classes=3, dtype=Name("float32"))
call("confusion_matrix", ints(0, 1, 1), ints(1, 1, 1), 2, weights=ints(3, 1, 5))

# Activations and cross-entropies.

call(
    "nn.relu nn.relu6 nn.elu nn.selu nn.softplus nn.softsign",
    floats(-2.0, 0.0, 0.5, 6.0, 9.0),
    by_=(0,),
)
call("nn.swish nn.sigmoid nn.tanh", floats(-2.0, 0.0, 0.5), by_=(0,))
call("nn.softplus", floats(-100.0, 100.0), by_=(0,))
call("nn.leaky_relu", floats(-2.0, 0.0, 0.5), by_=(0,))
call("nn.leaky_relu", floats(-2.0, 0.5), alpha=0.01, by_=(0,))
call("nn.crelu", floats(-2.0, 0.5))
call("nn.zero_fraction", floats(0.0, 1.0, 0.0, 2.0))
call("nn.l2_loss", A, by_=(0,))
call("nn.softmax nn.log_softmax math.log_softmax", A, by_=(0,))
call("nn.softmax nn.log_softmax", A, dim=0, by_=(0,))
call("nn.softmax nn.log_softmax", floats(1000.0, 0.0, -1000.0), by_=(0,))
call("nn.l2_normalize", A, by_=(0,))
call("nn.l2_normalize math.l2_normalize", A, 1, by_=(0,))
call("nn.l2_normalize", A, dim=0, epsilon=2.0, by_=(0,))
call("nn.l2_normalize", np.zeros((2, 3), "float32"), axis=1, by_=(0,))
ONE_HOT = np.array([[0.0, 1.0, 0.0], [0.3, 0.0, 0.7]], "float32")
for entropy in ("nn.softmax_cross_entropy_with_logits", "nn.softmax_cross_entropy_with_logits_v2"):
    call(entropy, labels=ONE_HOT, logits=A, by_=("logits", "labels"))
    call(entropy, labels=ONE_HOT, logits=A, dim=0, by_=("logits",))
    call(entropy, labels=ONE_HOT, logits=A * 100, by_=("logits",))
SPARSE = "nn.sparse_softmax_cross_entropy_with_logits"
call(SPARSE, labels=ints(2, 0), logits=A, by_=("logits",))
call(
    SPARSE,
    labels=np.array([[2, 0, 1], [1, 1, 0]], "int64"),
    logits=draw(25, 2, 3, 3),
    by_=("logits",),
)
WIDE = floats(-100.0, -1.0, 0.0, 2.0, 100.0)
TARGETS = floats(0.0, 1.0, 0.5, 1.0, 0.3)
call("nn.sigmoid_cross_entropy_with_logits", labels=TARGETS, logits=WIDE, by_=("logits", "labels"))
WEIGHTED = "nn.weighted_cross_entropy_with_logits"
call(WEIGHTED, TARGETS, WIDE, 3.0, by_=(1,))
call(WEIGHTED, targets=TARGETS, logits=WIDE, pos_weight=0.5, by_=("logits",))
call("nn.log_poisson_loss", floats(0.5, 1.0, 4.0), floats(0.1, -1.0, 1.0), by_=(1,))
call("nn.log_poisson_loss", floats(0.5, 1.0, 4.0), floats(0.1, -1.0, 1.0), compute_full_loss=True)
call("nn.embedding_lookup", TABLE, ints(3, 0, 3), by_=(0,))
call("nn.embedding_lookup", TABLE * 3, ints(3, 0), max_norm=1.0, by_=(0,))
call("clip_by_norm", A, 1.0, by_=(0,))
call("clip_by_norm", A, 0.5, axes=[1], by_=(0,))
call("clip_by_norm", A, 100.0, by_=(0,))
call("clip_by_norm", np.zeros((2, 2), "float32"), 1.0, by_=(0,))
call("global_norm", [A, B])
call("nn.bias_add", A, draw(26, 3), by_=(0, 1))
call(
    "nn.batch_normalization",
    A,
    draw(26, 3),
    positive(27, 3),
    draw(28, 3),
    draw(29, 3),
    1e-3,
    by_=(0, 2),
)
call("nn.batch_normalization", A, draw(26, 3), positive(27, 3), None, None, 1e-3)
call("nn.dropout", A, 1.0)
call("nn.dropout", A, rate=0.0)

# Convolutions, pools, images.

IMAGES = draw(30, 2, 5, 6, 2)
KERNEL = draw(31, 3, 3, 2, 4)
call("nn.conv2d", IMAGES, KERNEL, [1, 1, 1, 1], "SAME", by_=(0, 1))
call("nn.conv2d", IMAGES, filter=KERNEL, strides=[1, 2, 2, 1], padding="VALID")
call("nn.conv2d", IMAGES, KERNEL, strides=[1, 2, 2, 1], padding="SAME")
call("nn.conv2d", IMAGES, KERNEL, strides=1, padding="VALID", dilations=[1, 2, 1, 1])
call("nn.conv2d", IMAGES, KERNEL, 1, [[0, 0], [1, 0], [2, 1], [0, 0]])
call("nn.depthwise_conv2d", IMAGES, draw(32, 3, 3, 2, 1), [1, 1, 1, 1], "SAME", by_=(0, 1))
call("nn.max_pool nn.avg_pool", IMAGES, [1, 2, 2, 1], [1, 2, 2, 1], "SAME", by_=(0,))
call("nn.max_pool nn.avg_pool", IMAGES, ksize=[1, 3, 3, 1], strides=[1, 1, 1, 1], padding="VALID")
call(
    "image.extract_image_patches",
    IMAGES,
    [1, 2, 3, 1],
    [1, 1, 2, 1],
    [1, 1, 1, 1],
    "VALID",
    by_=(0,),
)
call(
    "image.extract_patches",
    IMAGES,
    sizes=[1, 3, 3, 1],
    strides=[1, 2, 2, 1],
    rates=[1, 1, 1, 1],
    padding="SAME",
)
call("image.extract_patches", IMAGES, [1, 2, 2, 1], [1, 1, 1, 1], [1, 2, 2, 1], "VALID")
PICTURE = np.random.RandomState(33).uniform(size=(2, 14, 13, 2)).astype("float32")
OTHER = np.random.RandomState(34).uniform(size=(2, 14, 13, 2)).astype("float32")
call("image.ssim", PICTURE, OTHER, 1.0, by_=(0, 1))
call("image.ssim", PICTURE, PICTURE * 0.9, max_val=1.0, filter_size=7, filter_sigma=1.0)
call(
    "image.ssim_multiscale",
    PICTURE,
    PICTURE * 0.9,
    1.0,
    power_factors=(0.3, 0.7),
    filter_size=5,
    by_=(0,),
)
call("image.ssim_multiscale", PICTURE, OTHER, 1.0, power_factors=(0.3, 0.7), filter_size=5)
call("image.psnr", PICTURE, OTHER, 1.0, by_=(0,))
call("image.psnr", np.arange(24, dtype="uint8").reshape(2, 4, 3), np.zeros((2, 4, 3), "uint8"), 255)
call("image.sobel_edges image.image_gradients image.total_variation", IMAGES, by_=(0,))
call("image.total_variation", IMAGES[0])
call("image.rgb_to_grayscale", draw(35, 2, 2, 3))
call("image.convert_image_dtype", np.array([0, 51, 255], "uint8"), Name("float32"))

# Matrices.

P, Q = draw(36, 3, 2), draw(37, 2, 4)
call("matmul", P, Q, by_=(0, 1))
call("matmul", P, draw(38, 3, 4), transpose_a=True, by_=(0, 1))
call("matmul linalg.matmul", draw(39, 2, 3, 2), draw(40, 2, 4, 2), transpose_b=True, by_=(0, 1))
call("matmul", np.array([[1, 2], [3, 4]], "int32"), np.array([[5], [6]], "int32"))
call("linalg.matvec", P, draw(41, 2))
call("tensordot", M, draw(42, 2, 3), [[0, 1], [0, 1]], by_=(0, 1))
call("tensordot", P, Q, 1)
call("einsum", "ij,jk->ik", P, Q, by_=(1, 2))
call("einsum", "bij,bij->b", M, M)
SQUARE = draw(43, 2, 3, 3)
GRAM = np.matmul(SQUARE, SQUARE.transpose(0, 2, 1)) + np.eye(3, dtype="float32")
call("trace linalg.trace", SQUARE, by_=(0,))
call("diag", floats(1.0, 2.0), by_=(0,))
call("diag", ints(3, 4))
call("diag_part", SQUARE[0], by_=(0,))
call("matrix_diag linalg.diag", A, by_=(0,))
call("matrix_diag_part linalg.diag_part", SQUARE, by_=(0,))
call("matrix_diag_part", M)
call("matrix_set_diag linalg.set_diag", SQUARE, A, by_=(0, 1))
call("matrix_set_diag", M, draw(44, 2, 2))
call("matrix_band_part linalg.band_part", SQUARE, -1, 0, by_=(0,))
call("matrix_band_part", SQUARE, 0, -1)
call("matrix_transpose", M)
call("matrix_inverse linalg.inv", GRAM, by_=(0,))
call("matrix_determinant linalg.det", GRAM, by_=(0,))
call("linalg.logdet", GRAM, by_=(0,))
call("cholesky", GRAM)
call("matrix_solve", GRAM, draw(45, 2, 3, 1), by_=(0, 1))
call("self_adjoint_eigvals", GRAM)
call("svd", SQUARE, compute_uv=False)
call("cross linalg.cross", draw(46, 2, 3), draw(47, 2, 3))

# Losses.

TRUE, FOUND = draw(50, 4, 3), draw(51, 4, 3)
FOUND[0] = TRUE[0]
PAIRS = "losses.absolute_difference losses.mean_squared_error losses.mean_pairwise_squared_error"
BY_ROW, BY_ENTRY = floats(1.0, 0.0, 2.0, 0.5)[:, None], positive(52, 4, 3) * (draw(53, 4, 3) > 0)
REDUCTIONS = [
    "NONE", "SUM", "MEAN", "SUM_OVER_BATCH_SIZE", "SUM_BY_NONZERO_WEIGHTS",
    "SUM_OVER_NONZERO_WEIGHTS",
]  # fmt: skip
call(PAIRS, TRUE, FOUND, by_=(1,))
call(PAIRS, TRUE, FOUND, 2.5, by_=(1,))
call(PAIRS, TRUE, FOUND, BY_ROW, by_=(1,))
call(PAIRS, TRUE, FOUND, weights=0.0, by_=(1,))
call("losses.absolute_difference losses.mean_squared_error", TRUE, FOUND, BY_ENTRY, by_=(1,))
for reduction in REDUCTIONS:
    kind = Name("losses.Reduction." + reduction)
    call("losses.mean_squared_error", TRUE, FOUND, BY_ENTRY, reduction=kind)
    call("losses.compute_weighted_loss", TRUE, BY_ROW, reduction=kind, by_=(0, 1))
call("losses.compute_weighted_loss", TRUE)
UNIT, OTHERS = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (TRUE, FOUND + 0.5))
call("losses.cosine_distance", UNIT, OTHERS, axis=1, by_=(1,))
call("losses.cosine_distance", UNIT, OTHERS, dim=1, weights=BY_ROW)
SIGNS = (draw(54, 4, 3) > 0).astype("float32")
call("losses.hinge_loss", SIGNS, FOUND, by_=(1,))
call("losses.hinge_loss", floats(1.0, 0.0), floats(1.0, -1.0), by_=(1,))
call("losses.huber_loss", TRUE, FOUND, by_=(1,))
call("losses.huber_loss", TRUE, FOUND * 3, BY_ROW, 2.0, by_=(1,))
call("losses.huber_loss", floats(0.0, 0.0, 0.0), floats(0.0, 1.0, -1.0), by_=(1,))
SHARES = np.random.RandomState(55).uniform(size=(4, 3)).astype("float32")
SHARES[0] = [0.0, 1.0, 0.5]
call("losses.log_loss", SIGNS, SHARES, by_=(1,))
call("losses.log_loss", SIGNS, SHARES, BY_ROW, epsilon=0.1)
call("losses.sigmoid_cross_entropy", SIGNS, FOUND, by_=(1,))
call("losses.sigmoid_cross_entropy", SIGNS, FOUND, BY_ENTRY, 0.2, by_=(1,))
CLASSES = np.eye(3, dtype="float32")[[2, 0, 1, 1]]
call("losses.softmax_cross_entropy", CLASSES, FOUND, by_=(1,))
call("losses.softmax_cross_entropy", CLASSES, FOUND, BY_ROW[:, 0], label_smoothing=0.3, by_=(1,))
call("losses.sparse_softmax_cross_entropy", ints(2, 0, 1, 1), FOUND, by_=(1,))
call("losses.sparse_softmax_cross_entropy", ints(2, 0, 1, 1)[:, None], FOUND, BY_ROW, by_=(1,))

TABLE, OFFSETS, HIDDEN = draw(80, 7, 3), draw(81, 7), draw(82, 4, 3)
SAMPLES = [ints(5, 0, 2), positive(83, 4, 1), positive(84, 3)]
for name in ("nn.nce_loss", "nn.sampled_softmax_loss"):
    given = (TABLE, OFFSETS, ints(1, 5, 0, 6)[:, None], HIDDEN, 3, 7)
    for more in ({}, {"remove_accidental_hits": name == "nn.nce_loss"}):
        call(name, *given, sampled_values=SAMPLES, by_=(0, 1, 3), **more)
    given = (TABLE, OFFSETS, ints(1, 5, 0, 6, 2, 2, 4, 3).reshape(4, 2), HIDDEN, 3, 7)
    values = [SAMPLES[0], positive(85, 4, 2), SAMPLES[2]]
    call(name, *given, num_true=2, sampled_values=values, by_=(0, 1, 3))

METRIC = "contrib.losses.metric_learning."
POINTS = draw(60, 6, 4)
POINTS[5] = POINTS[0]
POINTS /= np.linalg.norm(POINTS, axis=1, keepdims=True)
for labels in (ints(0, 1, 0, 2, 1, 0), ints(0, 0, 0, 1, 1, 1), ints(0, 1, 2, 3, 4, 4)):
    call(METRIC + "triplet_semihard_loss", labels, POINTS, by_=(1,))
    call(METRIC + "lifted_struct_loss", labels, POINTS, by_=(1,))
    call(METRIC + "npairs_loss", labels, POINTS, POINTS[::-1].copy(), by_=(1, 2))
call(METRIC + "triplet_semihard_loss", ints(0, 1, 0, 2, 1, 0), POINTS * 3, margin=0.3, by_=(1,))
call(METRIC + "triplet_semihard_loss", ints(0, 1, 2, 3, 4, 5), POINTS, by_=(1,), safer_=True)
call(METRIC + "lifted_struct_loss", ints(0, 1, 0, 2, 1, 0), POINTS * 2, margin=2.0, by_=(1,))
call(METRIC + "npairs_loss", ints(0, 1, 2, 3, 4, 5), POINTS, POINTS * 2, reg_lambda=0.1)
call(
    METRIC + "contrastive_loss",
    ints(1, 0, 0, 1, 0, 1),
    POINTS,
    POINTS[::-1].copy(),
    by_=(1, 2),
    safer_=True,
)
call(
    METRIC + "contrastive_loss",
    ints(1, 0, 0),
    draw(61, 3, 2),
    draw(62, 3, 2),
    margin=2.0,
    by_=(1, 2),
)
call(
    METRIC + "contrastive_loss",
    ints(0, 1),
    np.ones((2, 2), "float32"),
    np.ones((2, 2), "float32"),
    by_=(1,),
    safer_=True,
)

# Metrics: the arguments of each of two batches.

STREAMS = []


def stream(name, *batches, **settings):
    STREAMS.append((name, batches, settings))


LABELS, SCORES = (
    [ints(1, 0, 1, 1), ints(0, 0, 1, 0)],
    [floats(0.9, 0.2, 0.3, 0.6), floats(0.1, 0.8, 0.7, 0.4)],
)
GIVEN = [floats(1.0, 0.5, 2.0, 0.0), floats(1.0, 1.0, 0.0, 3.0)]
CALLED = [(s > 0.5).astype("int32") for s in SCORES]
PLAIN, WITH = list(zip(LABELS, SCORES)), list(zip(LABELS, SCORES, GIVEN))
stream("mean", *[(s,) for s in SCORES])
stream("mean", *zip(SCORES, GIVEN))
stream("mean_tensor", *[(s,) for s in SCORES])
stream("accuracy", *zip(LABELS, CALLED))
stream("accuracy", *zip(LABELS, CALLED, GIVEN))
REALS = [(draw(70, 3, 2), draw(71, 3, 2)), (draw(72, 3, 2), draw(73, 3, 2))]
for metric in ("mean_absolute_error", "mean_squared_error", "root_mean_squared_error"):
    stream(metric, *REALS)
    stream(metric, *[pair + (floats(1.0, 0.0, 2.0)[:, None],) for pair in REALS])
stream("mean_relative_error", *[pair + (np.abs(pair[0]),) for pair in REALS])
stream("mean_cosine_distance", *REALS, dim=1)
stream("percentage_below", *[(s,) for s in SCORES], threshold=0.5)
for metric in (
    "true_positives", "false_positives", "true_negatives", "false_negatives", "precision", "recall"
):  # fmt: skip
    stream(metric, *zip(LABELS, CALLED))
    stream(metric, *zip(LABELS, CALLED, GIVEN))
stream("precision", (ints(0, 1), ints(0, 0)), (ints(1, 0), ints(0, 0)))
for metric in (
    "precision_at_thresholds", "recall_at_thresholds", "true_positives_at_thresholds",
    "false_negatives_at_thresholds",
):  # fmt: skip
    stream(metric, *PLAIN, thresholds=[0.25, 0.5, 0.75])
stream("auc", *PLAIN)
stream("auc", *WITH)
stream("auc", *PLAIN, curve="PR", summation_method="careful_interpolation")
stream("auc", *PLAIN, curve="PR")
for method in ("minoring", "majoring"):
    stream("auc", *PLAIN, num_thresholds=20, summation_method=method)
stream("sensitivity_at_specificity", *PLAIN, specificity=0.6)
IDS_TRUE, IDS_FOUND = [ints(0, 1, 2), ints(2, 2, 0)], [ints(0, 2, 2), ints(2, 1, 0)]
stream("mean_iou", *zip(IDS_TRUE, IDS_FOUND), num_classes=4)
stream("mean_per_class_accuracy", *zip(IDS_TRUE, IDS_FOUND), num_classes=4)
stream(
    "recall_at_k",
    *[(np.array(t, "int64"), draw(74 + i, 3, 4)) for i, t in enumerate(IDS_TRUE)],
    k=2,
)
PAIRS = [np.array(t, "int64") for t in ([[0, 1], [2, 3], [1, 3]], [[3, 0], [1, 0], [2, 1]])]
for settings in ({"k": 2}, {"k": 2, "class_id": 1}, {"k": 3, "weights": [1.0, 0.5, 2.0]}):
    for name in ("recall_at_k", "precision_at_k"):
        stream(name, *[(t, draw(76 + i, 3, 4)) for i, t in enumerate(PAIRS)], **settings)

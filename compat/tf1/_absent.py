"""Names of TensorFlow that have no counterpart here: they raise when they are used, and say what to
write."""

from typing import Any


class Absent:
    """A name that raises, and says what to do, when it is called or looked into."""

    def __init__(self, name: str, advice: str):
        self._name, self._advice = name, advice

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"tf.{self._name} has no counterpart here. {self._advice}")

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        raise NotImplementedError(
            f"tf.{self._name}.{attribute} has no counterpart here. {self._advice}"
        )


_LAYERS = (
    "Layers are Keras': build the model of keras.layers, and give the loss function to "
    "tf.GraphLoss or to `compile` of compat.keras2."
)
_INPUT = "Read the data in Python (NumPy, or a keras.utils.PyDataset) and feed it."
_RNN = "Use keras.layers.LSTM, GRU or RNN; a loss of their outputs runs as it is."
_FILES = "Use open, os and pathlib."
_STRATEGY = "Use keras.distribution, or the framework's own."
_ESTIMATOR = "Make the model_fn's network a Keras model, and train it with compile and fit."
_GRAPH_FILES = (
    "There is no GraphDef: the graph is made of Python functions. Build it by its code, and "
    "restore variables with tf.train.Saver or GraphLoss.load_tf1."
)
_IMAGES = (
    "It is no part of a loss: use keras.layers (Resizing, RandomFlip, ...) or keras.ops.image."
)
_SPARSE = "Use dense tensors."
_PRIVATE = "It is a private module of TensorFlow 1. Use what is public, or keras.ops."
_DISTRIBUTIONS = "Write the density with tf operations, such as -tf.square(x - mean) / (2 * var)."

# What to say of a name and all that is below it.
ADVICE: dict[str, str] = {
    "SparseTensor": _SPARSE,
    "sparse": _SPARSE,
    "sparse_tensor_dense_matmul": _SPARSE,
    "sparse_tensor_to_dense": _SPARSE,
    "sparse_to_dense": "Use tf.scatter_nd of the same indices, values and shape.",
    "sets": "Use tf.equal of expanded dimensions, and tf.reduce_any.",
    "ragged": "Use dense tensors and a mask.",
    "RaggedTensor": "Use dense tensors and a mask.",
    "nn.compute_accidental_hits": (
        "How many there are depends on values. The losses take remove_accidental_hits=True."
    ),
    "nn.learned_unigram_candidate_sampler": (
        "It counts classes as it sees them. Use tf.nn.fixed_unigram_candidate_sampler with counts "
        "of your data."
    ),
    "nn.rnn_cell": _RNN,
    "nn.dynamic_rnn": _RNN,
    "nn.bidirectional_dynamic_rnn": _RNN,
    "nn.static_rnn": _RNN,
    "nn.ctc_loss": "Use K.ctc_batch_cost, or keras.losses.CTC.",
    "nn.conv2d_transpose": _LAYERS,
    "contrib.rnn": _RNN,
    "contrib.seq2seq": _RNN,
    "contrib.losses.metric_learning.cluster_loss": (
        "It searches its clusters by Python loops over values. Use triplet_semihard_loss, or "
        "another loss of `portable_losses.losses`."
    ),
    "contrib.learn": _ESTIMATOR,
    "contrib.data": _INPUT,
    "contrib.distribute": _STRATEGY,
    "contrib.distributions": _DISTRIBUTIONS,
    "contrib.crf": "Write the recursion with tf.scan and tf.reduce_logsumexp.",
    "contrib.opt": "Use the optimizers of tf.train, or keras.optimizers.",
    "estimator.Estimator": _ESTIMATOR,
    "estimator.EstimatorSpec": _ESTIMATOR,
    "estimator.RunConfig": _ESTIMATOR,
    "estimator.SessionRunHook": _ESTIMATOR,
    "estimator.TrainSpec": _ESTIMATOR,
    "estimator.EvalSpec": _ESTIMATOR,
    "estimator.train_and_evaluate": _ESTIMATOR,
    "estimator.export": _ESTIMATOR,
    "feature_column": _ESTIMATOR,
    "distributions": _DISTRIBUTIONS,
    "data": _INPUT,
    "TFRecordReader": _INPUT,
    "FixedLenFeature": _INPUT,
    "VarLenFeature": _INPUT,
    "parse_single_example": _INPUT,
    "parse_example": _INPUT,
    "decode_raw": _INPUT,
    "read_file": _INPUT,
    "io": _INPUT,
    "python_io": _INPUT,
    "examples": "Use keras.datasets.mnist.",
    "FIFOQueue": _INPUT,
    "train.batch": _INPUT,
    "train.shuffle_batch": _INPUT,
    "train.batch_join": _INPUT,
    "train.slice_input_producer": _INPUT,
    "train.string_input_producer": _INPUT,
    "train.import_meta_graph": _GRAPH_FILES,
    "train.get_checkpoint_state": _GRAPH_FILES,
    "train.init_from_checkpoint": _GRAPH_FILES,
    "train.MonitoredTrainingSession": "Use tf.Session and tf.train.Saver.",
    "train.SyncReplicasOptimizer": _STRATEGY,
    "GraphDef": _GRAPH_FILES,
    "import_graph_def": _GRAPH_FILES,
    "graph_util": _GRAPH_FILES,
    "saved_model": _GRAPH_FILES,
    "gfile": _FILES,
    "distribute": _STRATEGY,
    "config.experimental": "The backend chooses and sets its devices.",
    "config.list_physical_devices": "The backend chooses and sets its devices.",
    "layers.Dense": _LAYERS,
    "layers.conv2d": _LAYERS,
    "layers.max_pooling2d": _LAYERS,
    "layers.average_pooling2d": _LAYERS,
    "layers.batch_normalization": _LAYERS,
    "contrib.layers.conv2d": _LAYERS,
    "contrib.layers.batch_norm": _LAYERS,
    "contrib.slim.conv2d": _LAYERS,
    "contrib.slim.batch_norm": _LAYERS,
    "contrib.slim.max_pool2d": _LAYERS,
    "contrib.slim.avg_pool2d": _LAYERS,
    "contrib.slim.repeat": _LAYERS,
    "image.resize_images": _IMAGES,
    "image.resize_bilinear": _IMAGES,
    "image.resize_nearest_neighbor": _IMAGES,
    "image.resize_image_with_crop_or_pad": _IMAGES,
    "image.random_flip_left_right": _IMAGES,
    "image.flip_left_right": _IMAGES,
    "image.per_image_standardization": _IMAGES,
    "image.decode_image": _IMAGES,
    "image.decode_png": _IMAGES,
    "image.decode_jpeg": _IMAGES,
    "image.non_max_suppression": _IMAGES,
    "image.crop_and_resize": _IMAGES,
    "python.client": _PRIVATE,
    "python.eager": _PRIVATE,
    "python.estimator": _PRIVATE,
    "python.platform": _PRIVATE,
    "Summary": "Use tf.summary.scalar, whose values a FileWriter here keeps in its `events`.",
    "TensorSpec": "tf.function does nothing here: leave out its input_signature.",
}
ABSENT = {name: Absent(name, advice) for name, advice in ADVICE.items()}

"""Record what `center_file.py` gives in TensorFlow 1.15: its program, and its `compile` and `fit`.

Runs on Python 3.7 with TensorFlow 1.15 and NumPy alone. README.md says what the file holds.
"""

import argparse
import os
import random

import numpy as np
import tensorflow as tf
from record_tf1 import versions

OLD = {
    "import portable_losses.compat.tf1 as tf": "import tensorflow as tf",
    "from portable_losses.compat import K": "from tensorflow.python.keras import backend as K",
    "from portable_losses.compat import keras2 as keras": "from tensorflow import keras",
}


def run(source, name):
    """The globals of the file, run under a name."""
    found = {"__name__": name}
    with tf.Graph().as_default():
        exec(compile(source, "center_file.py", "exec"), found)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("--out", default=os.path.join(here, "golden"), help="folder for the file")
    folder = parser.parse_args().out
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    with open(os.path.join(here, "center_file.py")) as file:
        source = file.read()
    for new, old in OLD.items():
        assert source.count(new + "\n") == 1, new
        source = source.replace(new + "\n", old + "\n")
    np.random.seed(1)
    random.seed(1)
    program = run(source, "__main__")
    features, labels = program["given"]
    recorded = {"features": features, "labels": labels}
    recorded.update(result=program["result"], centers=program["left"])
    for validate in (False, True):
        tf.keras.backend.clear_session()
        found = run(source, "cl")
        with tf.Graph().as_default():
            _, history, centers = found["train"](3, validate)
        kind = "validated_" if validate else "trained_"
        recorded.update({kind + key: np.float64(values) for key, values in history.items()})
        recorded[kind + "centers"] = centers
    path = os.path.join(folder, "document_center_file.npz")
    np.savez_compressed(path, versions=versions(), **recorded)


if __name__ == "__main__":
    main()

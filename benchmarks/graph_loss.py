"""What a TF1 center loss costs in `fit` and in a session: `python -m benchmarks.graph_loss`.

A step is loss, gradient by the features and update of the centers, for a batch of 256 x 128. In
`fit` it is measured as `GraphLoss`, beside our own `CenterLoss`; in a session, with the features
and labels fed, by benchmarks/session_step.py. Every figure comes from a process of its own.
`--tf1 FILE` adds the figures that benchmarks/session_step.py wrote on the same machine.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from typing import Any

from benchmarks.center_update import BATCH, DIM, data, fit_step
from benchmarks.session_step import step_time

CLASSES = (1_000, 10_000)
MODES = ("native", "graph", "session")
ALPHA = 0.5


def center_loss(labels: Any, features: Any, num_classes: int) -> Any:
    """As old code has it."""
    import portable_losses.compat.tf1 as tf

    centers = tf.get_variable(
        "centers", [num_classes, DIM], initializer=tf.constant_initializer(0), trainable=False
    )
    rows = tf.gather(centers, labels)
    _, inverse, count = tf.unique_with_counts(labels)
    times = tf.cast(1 + tf.gather(count, inverse), tf.float32)[:, None]
    update = tf.scatter_sub(centers, labels, ALPHA * (rows - features) / times)
    with tf.control_dependencies([update]):
        return tf.nn.l2_loss(features - rows)


def measure(mode: str, classes: int) -> float:
    """The median milliseconds of a step."""
    import portable_losses.compat.tf1 as tf

    if mode == "session":
        return step_time(tf, classes)
    from portable_losses import losses

    loss: Any = losses.CenterLoss(classes, DIM, alpha=ALPHA, reduction="sum")
    if mode == "graph":
        loss = tf.GraphLoss(center_loss, {"num_classes": classes})
    epoch = fit_step(loss, *data(classes), steps=40)
    epoch()
    return 1e3 * statistics.median(epoch() for _ in range(5))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tf1", help="figures of TensorFlow 1.15, by session_step.py")
    parser.add_argument("--one", nargs=2, metavar=("MODE", "CLASSES"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        mode, classes = arguments.one
        print(json.dumps(measure(mode, int(classes))))
        return
    old: dict[str, float] = {}
    if arguments.tf1 and os.path.exists(arguments.tf1):
        with open(arguments.tf1) as file:
            old = json.load(file)
    import keras

    print(f"{keras.backend.backend()}, keras {keras.__version__}: a step of center loss, batch ")
    print(f"{BATCH} x {DIM}, median milliseconds; `fit` with our loss and with TF1's function")
    heads = ("classes", "fit, ours", "fit, TF1's", "ratio", "session", "TF 1.15")
    print("".join(f"{head:>12}" for head in heads))
    for classes in CLASSES:
        ms = {}
        for mode in MODES:
            command = [sys.executable, "-m", "benchmarks.graph_loss", "--one", mode]
            done = subprocess.run(
                [*command, str(classes)], capture_output=True, text=True, check=True
            )
            ms[mode] = json.loads(done.stdout.splitlines()[-1])
        ratio = ms["graph"] / ms["native"]
        tf1 = f"{old[str(classes)]:12.3f}" if old else f"{'-':>12}"
        print(f"{classes:12,}{ms['native']:12.3f}{ms['graph']:12.3f}{ratio:12.2f}", end="")
        print(f"{ms['session']:12.3f}{tf1}", flush=True)


if __name__ == "__main__":
    main()

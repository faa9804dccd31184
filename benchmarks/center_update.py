"""What a step of center loss costs as classes grow: `python -m benchmarks.center_update`.

A step is loss, gradient by the features and update of the centers, for a batch of 256 x 128. It is
measured in `fit`, alone (compiled: `jax.jit` with donated state, `tf.function(jit_compile=True)`,
`torch.compile`, which needs a C++ compiler), and alone with the update by
`keras.ops.scatter_update` as most code has it (not donated, `tf.function`, PyTorch as it is), which
copies the table. Every figure comes from a process of its own. `--tf1 FILE` adds the figures that
benchmarks/center_update_tf1.py wrote on the same machine.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

BATCH, DIM = 256, 128
CLASSES = (1_000, 10_000, 100_000, 1_000_000)
MODES = ("fit", "alone", "naive")


def memory(field: str) -> float:
    """A field of this process's status, in bytes (Linux)."""
    with open("/proc/self/status") as status:
        (line,) = [line for line in status if line.startswith(field + ":")]
    return 1024 * float(line.split()[1])


def data(classes: int) -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(0)
    features = rng.normal(size=(BATCH, DIM)).astype("float32")
    return rng.integers(0, classes, BATCH).astype("int32"), features


def fit_step(loss: Any, labels: Any, features: Any, steps: int) -> Callable[[], Any]:
    """`steps` steps of `fit`, without the cost of starting it counted among them."""
    import keras
    import numpy as np

    from portable_losses import training

    network = keras.Sequential([keras.Input((DIM,)), keras.layers.Dense(DIM)])
    model = training.LossModel(network, loss)
    model.compile("sgd")
    x, y = np.tile(features, (steps, 1)), np.tile(labels, steps)

    def epoch() -> float:
        begun: list[float] = []
        first = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: begun.append(time.perf_counter())
        )
        model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[first])
        return statistics.median(b - a for a, b in itertools.pairwise(begun))

    return epoch


def naive_update(loss: Any, labels: Any, features: Any) -> None:
    """The rule of the paper by `scatter_update`: reads and writes the whole table."""
    from keras import ops

    centers, alpha = ops.convert_to_tensor(loss.centers), 0.5
    same = ops.cast(ops.equal(labels[:, None], labels[None, :]), features.dtype)
    share = alpha * (features - ops.take(centers, labels, axis=0))
    total = ops.matmul(same, share) / (1 + ops.sum(same, axis=1, keepdims=True))
    rows = ops.take(centers, labels, axis=0) + total
    loss.centers.assign(ops.scatter_update(centers, labels[:, None], rows))


def alone_step(loss: Any, labels: Any, features: Any, naive: bool) -> Callable[[], Any]:
    import keras
    from keras import ops

    labels, features = ops.convert_to_tensor(labels), ops.convert_to_tensor(features)

    def call(labels: Any, features: Any) -> Any:
        value = loss(labels, features, training=not naive)
        if naive:
            naive_update(loss, labels, ops.stop_gradient(features))
        return value

    match keras.backend.backend():
        case "jax":
            import jax

            def pure(features: Any, labels: Any, state: Any) -> Any:
                with keras.StatelessScope(state_mapping=[(loss.centers, state)]) as scope:
                    value = call(labels, features)
                return value, scope.get_current_value(loss.centers)

            gradient = jax.value_and_grad(pure, has_aux=True)
            step = jax.jit(gradient, donate_argnums=() if naive else (2,))
            table = [loss.centers.value]
            # The variable gives its table away; a program that donates owns it alone.
            loss.centers._value = None

            def run() -> Any:
                (value, table[0]), slope = step(features, labels, table[0])
                return jax.block_until_ready((value, slope, table[0]))

        case "tensorflow":
            import tensorflow as tf

            @tf.function(jit_compile=not naive)
            def run() -> Any:
                with tf.GradientTape() as tape:
                    tape.watch(features)
                    value = call(labels, features)
                return value, tape.gradient(value, features)

        case _:
            import torch

            features = features.detach().requires_grad_()
            compiled = call if naive else torch.compile(call, fullgraph=True)

            def run() -> Any:
                features.grad = None
                value = compiled(labels, features)
                value.backward()
                return value

    return run


def measure(mode: str, classes: int) -> dict[str, float]:
    """Milliseconds of a step, and the most memory it took, in tables."""
    from portable_losses import losses

    labels, features = data(classes)
    loss = losses.CenterLoss(3, DIM)  # the library and the backend are loaded
    loss(labels % 3, features, training=True)
    before = memory("VmRSS")
    loss = losses.CenterLoss(classes, DIM)
    table = 4.0 * classes * DIM
    if mode == "fit":
        epoch = fit_step(loss, labels, features, steps=40)
        epoch()
        run = epoch
    else:
        run = alone_step(loss, labels, features, naive=mode == "naive")
        for _ in range(3):
            run()
    with open("/proc/self/clear_refs", "w") as reset:  # the peak counts from here
        reset.write("5")
    times = []
    for _ in range(5 if mode == "fit" else 100 if mode == "alone" else 20):
        start = time.perf_counter()
        found = run()
        times.append(found if mode == "fit" else time.perf_counter() - start)
    peak = (memory("VmHWM") - before) / table
    return {"ms": 1e3 * statistics.median(times), "tables": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tf1", help="figures of TensorFlow 1.15, by center_update_tf1.py")
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
    print(f"{BATCH} x {DIM}, median milliseconds; memory at the peak in tables of centers")
    heads = ("classes", "fit", "alone", "TF 1.15", "naive", "naive/alone", "memory fit", "alone")
    print("".join(f"{head:>12}" for head in heads))
    rows = {}
    for classes in CLASSES:
        found = {}
        for mode in MODES:
            command = [sys.executable, "-m", "benchmarks.center_update", "--one", mode]
            done = subprocess.run(
                [*command, str(classes)], capture_output=True, text=True, check=True
            )
            found[mode] = json.loads(done.stdout.splitlines()[-1])
        ms = {mode: found[mode]["ms"] for mode in MODES}
        rows[classes] = ms
        tf1 = f"{old[str(classes)]:12.3f}" if old else f"{'-':>12}"
        print(f"{classes:12,}{ms['fit']:12.3f}{ms['alone']:12.3f}{tf1}", end="")
        print(f"{ms['naive']:12.3f}{ms['naive'] / ms['alone']:12.1f}", end="")
        print(f"{found['fit']['tables']:12.2f}{found['alone']['tables']:12.2f}", flush=True)
    few, many = rows[CLASSES[0]], rows[CLASSES[-1]]
    for mode in ("fit", "alone"):
        print(f"{mode}: {many[mode] / few[mode]:.2f} x from {CLASSES[0]:,} to {CLASSES[-1]:,}")


if __name__ == "__main__":
    main()

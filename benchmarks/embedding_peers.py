"""Time and memory of embedding losses of other libraries, for benchmarks/embedding.py.

`python benchmarks/embedding_peers.py tfa FILE` with TensorFlow 2.15 and TensorFlow Addons 0.23, or
`pml FILE` with pytorch-metric-learning; needs nothing of this project. Every figure comes from a
process of its own, which is stopped before it takes more than `--limit` GB.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import numpy as np

DIM, CLASSES = 128, 64
NAMES = {
    "tfa": ("TripletSemiHard", "TripletHard", "LiftedStructure", "NPairs"),
    "pml": (
        "TripletHard",
        "TripletBatchAll",
        "NTXent",
        "SupCon",
        "MultiSimilarity",
        "Circle",
        "LiftedStructure",
        "ContrastiveLabels",
        "MarginLoss",
        "NCA",
        "Angular",
        "GeneralizedLiftedStructure",
        "TupletMargin",
        "IntraPairVariance",
        "SNRContrastive",
        "RankedList",
        "ThresholdConsistentMargin",
        "FastAP",
        "SmoothAP",
        "PNP",
        "Histogram",
        "VICReg",
    ),
}


def data(batch, name=""):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, DIM)).astype("float32")
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    labels = rng.integers(0, CLASSES, batch)
    if name == "SmoothAP":  # its peer wants as many samples of each class, in order
        labels = np.arange(batch) * CLASSES // batch
    return labels.astype("int32"), x


def memory(field):
    """A field of this process's status, in bytes (Linux)."""
    with open("/proc/self/status") as status:
        (line,) = [line for line in status if line.startswith(field + ":")]
    return 1024 * float(line.split()[1])


def measure(make, repeats=7):
    """Median milliseconds of what `make()` returns, by the clock and of all processors; and the
    most memory it adds, in MB."""
    before = memory("VmRSS")
    step = make()
    start = time.perf_counter()
    step()
    step()
    if time.perf_counter() - start > 20:
        repeats = 2
    with open("/proc/self/clear_refs", "w") as reset:  # the peak counts from here
        reset.write("5")
    times = []
    for _ in range(repeats):
        start = time.perf_counter(), time.process_time()
        step()
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    clock, cpu = (1e3 * statistics.median(each) for each in zip(*times, strict=True))
    return {"ms": clock, "cpu": cpu, "mb": (memory("VmHWM") - before) / 1e6}


def tfa_step(name, labels, x, fused=False):
    import tensorflow as tf
    import tensorflow_addons as tfa

    labels, x = tf.constant(labels), tf.constant(x)
    functions = {
        "TripletSemiHard": tfa.losses.triplet_semihard_loss,
        "TripletHard": tfa.losses.triplet_hard_loss,
        "LiftedStructure": tfa.losses.lifted_struct_loss,
        "NPairs": lambda y, p: tfa.losses.npairs_loss(y, tf.matmul(p, p, transpose_b=True)),
    }

    @tf.function(jit_compile=fused or None)
    def step():
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = functions[name](labels, x)
        return value, tape.gradient(value, x)

    return lambda: step()[1].numpy()


def pml_step(name, labels, x, fused=False):
    import torch
    from pytorch_metric_learning import distances, losses, miners

    as_given = {"distance": distances.LpDistance(normalize_embeddings=False)}
    triplet = losses.TripletMarginLoss(margin=1.0, **as_given)
    miner = miners.BatchHardMiner(**as_given)
    functions = {
        "TripletHard": lambda p, y: triplet(p, y, miner(p, y)),
        "TripletBatchAll": triplet,
        "NTXent": losses.NTXentLoss(),
        "SupCon": losses.SupConLoss(),
        "MultiSimilarity": losses.MultiSimilarityLoss(),
        "Circle": losses.CircleLoss(),
        "LiftedStructure": losses.LiftedStructureLoss(**as_given),
        "ContrastiveLabels": losses.ContrastiveLoss(**as_given),
        "MarginLoss": losses.MarginLoss(**as_given),
        "NCA": losses.NCALoss(),
        "Angular": losses.AngularLoss(),
        "GeneralizedLiftedStructure": losses.GeneralizedLiftedStructureLoss(**as_given),
        "TupletMargin": losses.TupletMarginLoss(),
        "IntraPairVariance": losses.IntraPairVarianceLoss(),
        "SNRContrastive": losses.SignalToNoiseRatioContrastiveLoss(),
        "RankedList": losses.RankedListLoss(margin=0.4, Tn=1.0, alpha=1.2),
        "ThresholdConsistentMargin": losses.ThresholdConsistentMarginLoss(),
        "FastAP": losses.FastAPLoss(),
        "SmoothAP": losses.SmoothAPLoss(),
        "PNP": losses.PNPLoss(),
        "Histogram": losses.HistogramLoss(),
        "VICReg": losses.VICRegLoss(),
    }
    labels, x = torch.tensor(labels), torch.tensor(x, requires_grad=True)
    more = {"ref_emb": x.flip(1)} if name == "VICReg" else {}

    function = torch.compile(functions[name], fullgraph=True) if fused else functions[name]

    def step():
        x.grad = None
        function(x, None if more else labels, **more).backward(retain_graph=bool(more))

    return step


STEPS = {"tfa": tfa_step, "pml": pml_step}


def one(python, peer, name, batch, limit, fused=False):
    """The figures of one loss, by a process of its own; None where that takes more memory, or does
    not compile."""
    command = [python, __file__, peer, "-", "--one", name]
    command += ["--batches", str(batch), "--limit", str(limit)] + ["--fused"] * fused
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if done.returncode else json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=NAMES)
    parser.add_argument("file")
    parser.add_argument("--limit", type=float, default=4, help="most memory, in GB (default 4)")
    parser.add_argument("--batches", type=int, nargs="+", default=(256, 1024, 4096))
    parser.add_argument("--fused", action="store_true", help="by the framework's compiler")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        (batch,) = given.batches
        STEPS[given.peer](given.one, *data(64, given.one), given.fused)()  # the library is loaded
        most = int(1e9 * given.limit)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        step = measure(lambda: STEPS[given.peer](given.one, *data(batch, given.one), given.fused))
        print(json.dumps(step))
        return
    figures = {}
    for name in NAMES[given.peer]:
        figures[name] = {}
        for batch in given.batches:
            found = one(sys.executable, given.peer, name, batch, given.limit)
            figures[name][str(batch)] = found
            print(name, batch, found or f"more than {given.limit} GB", flush=True)
            if found is None:
                break
    with open(given.file, "w") as file:
        json.dump({"limit": given.limit, "figures": figures}, file)


if __name__ == "__main__":
    main()

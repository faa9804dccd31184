"""Time and memory of the losses of embeddings: `python -m benchmarks.embedding`.

A step is the loss and its gradient by the embeddings, 128 long and of 64 classes, compiled as the
backend's users would (`jax.jit`, `tf.function`, PyTorch as it is); with `--fused`, by
`jit_compile=True` and `torch.compile`, without breaks in the graph. The memory is what a step adds
to that of the process before it, at its peak. Every figure comes from a process of its own.
Beside milliseconds by the clock stand those of all processors, which say more on a machine that is
not idle; ratios are of those. `--beside tfa PYTHON` (or `pml`) measures with another Python each
loss of that peer right after ours, with the ratio and its geometric mean. `--peers FILE ...` adds
what benchmarks/embedding_peers.py wrote on the same machine. `--blocks SIZE` measures batches whose
pairs do not fit into memory, by blocks of anchors.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from typing import Any

from benchmarks import embedding_peers
from benchmarks.embedding_peers import data, measure

PAIRS = (
    "TripletSemiHard",
    "TripletHard",
    "TripletBatchAll",
    "NTXent",
    "SupCon",
    "MultiSimilarity",
    "Circle",
    "NPairs",
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
)
VIEWS = ("SimCLR", "InBatchNegatives", "CLIP", "SigLIP", "VICReg", "BarlowTwins")
IN_BLOCKS = ("NTXent", "SupCon", "SigLIP")


def one(name: str, batch: int, block_size: int | None, fused: bool) -> dict[str, float]:
    import numpy as np

    from portable_losses import losses
    from tests import autodiff

    def step(batch: int, block_size: int | None) -> Any:
        labels, x = data(batch, name)
        if name in VIEWS:
            x, labels = np.stack([x, x + x[:, ::-1]], axis=1), np.arange(batch, dtype="int32")
        loss = getattr(losses, name)(**({"block_size": block_size} if block_size else {}))
        return autodiff.timed_step(loss, labels, x, fused)

    step(32, 8 if block_size else None)()  # the library is loaded
    return measure(lambda: step(batch, block_size), 2 if block_size else 7)


def run(name: str, batch: int, block_size: int = 0, fused: bool = False) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.embedding", "--one", name, str(batch)]
    command += [str(block_size)] + ["--fused"] * fused
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=(256, 1024, 4096))
    parser.add_argument("--losses", nargs="+", default=(*PAIRS, *VIEWS))
    parser.add_argument("--peers", nargs="+", default=(), help="files of embedding_peers.py")
    parser.add_argument("--beside", nargs=2, metavar=("PEER", "PYTHON"), help="in turns with ours")
    parser.add_argument("--limit", type=float, default=4, help="most GB of a peer (default 4)")
    parser.add_argument("--blocks", type=int, metavar="SIZE", help="anchors in a block")
    parser.add_argument("--fused", action="store_true", help="by the backend's compiler")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        name, batch, block_size = given.one
        print(json.dumps(one(name, int(batch), int(block_size) or None, given.fused)))
        return
    peers = []
    for path in filter(os.path.exists, given.peers):
        with open(path) as file:
            peers.append((os.path.splitext(os.path.basename(path))[0], json.load(file)))
    if given.beside:
        peers.append((given.beside[0], {"limit": given.limit, "figures": {}}))
    import keras

    print(f"{keras.backend.backend()}, keras {keras.__version__}: a step of a loss of embeddings")
    columns = ("ms", "cpu", "MB")
    theirs = (x for label, _ in peers for x in (label, *columns[1:], "ratio"))
    heads = ("batch", *columns, *theirs)
    print(f"{'loss':27}" + "".join(f"{head:>12}" for head in heads))
    names = IN_BLOCKS if given.blocks else given.losses
    if given.beside:
        names = [name for name in names if name in embedding_peers.NAMES[given.beside[0]]]
    ratios: dict[int, list[float]] = {batch: [] for batch in given.batches}
    for name in names:
        for batch in given.batches:
            found = run(name, batch, given.blocks or 0, given.fused)
            print(f"{name:27}{batch:12,}", end="")
            print(f"{found['ms']:12.1f}{found['cpu']:12.1f}{found['mb']:12.0f}", end="")
            if given.beside:
                label, python = given.beside
                theirs = embedding_peers.one(python, label, name, batch, given.limit, given.fused)
                peers[-1][1]["figures"].setdefault(name, {})[str(batch)] = theirs
                if theirs:
                    ratios[batch].append(theirs["cpu"] / found["cpu"])
            for _, peer in peers:
                theirs = peer["figures"].get(name, {}).get(str(batch), "-")
                if theirs == "-":
                    print(f"{'-':>12}" * 4, end="")
                elif theirs is None:
                    most = f"> {1000 * peer['limit']:.0f}"
                    print(f"{'-':>12}{'-':>12}{most:>12}{'-':>12}", end="")
                else:
                    ratio = theirs["cpu"] / found["cpu"]
                    print(f"{theirs['ms']:12.1f}{theirs['cpu']:12.1f}", end="")
                    print(f"{theirs['mb']:12.0f}{ratio:12.2f}", end="")
            print(flush=True)
    for batch, of_batch in ratios.items():
        if of_batch:
            mean = statistics.geometric_mean(of_batch)
            print(f"geometric mean at {batch:,} of {len(of_batch)} losses: {mean:.1f}")


if __name__ == "__main__":
    main()

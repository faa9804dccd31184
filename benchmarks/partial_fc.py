"""Memory and time of a training step of a margin head: `python -m benchmarks.partial_fc`.

ArcFace on embeddings 256 x 128, in `fit` with SGD, with all classes and with a share of them
(Partial FC). The memory is what a step adds to that of the process before it, at its peak; the
logits alone take 4 bytes x 256 x classes, the table and its gradient 4 x 128 x classes each. Every
figure comes from a process of its own, which is stopped before it takes more than `--limit` GB.
"""

import argparse
import json
import resource
import subprocess
import sys

from benchmarks.center_update import BATCH, DIM, data, fit_step, memory


def measure(classes: int, rate: float) -> dict[str, float]:
    from portable_losses import losses

    labels, features = data(classes)
    loss = losses.ArcFace(classes, DIM)
    if rate < 1:
        loss = losses.PartialFC(loss, rate, seed=0)
    epoch = fit_step(loss, labels, features, steps=6)
    before = memory("VmRSS")
    seconds = [epoch(), epoch()]
    return {"ms": 1e3 * min(seconds), "mb": (memory("VmHWM") - before) / 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=float, default=16, help="most memory, in GB (default 16)")
    parser.add_argument("--one", nargs=2, metavar=("CLASSES", "RATE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        most = int(1e9 * arguments.limit)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        print(json.dumps(measure(int(arguments.one[0]), float(arguments.one[1]))))
        return
    import keras

    print(
        f"{keras.backend.backend()}, keras {keras.__version__}: a step of ArcFace in fit, ", end=""
    )
    print(f"batch {BATCH} x {DIM}, SGD")
    heads = ("classes", "sample_rate", "logits MB", "table MB", "step MB", "step ms")
    print("".join(f"{head:>12}" for head in heads))
    for classes in (10_000, 100_000, 1_000_000):
        for rate in (1.0, 0.1, 0.01):
            if round(classes * rate) < BATCH:
                continue
            command = [sys.executable, "-m", "benchmarks.partial_fc", "--one", str(classes)]
            command += [str(rate), "--limit", str(arguments.limit)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            sizes = (4e-6 * BATCH * classes * rate, 4e-6 * DIM * classes)
            print(f"{classes:12,}{rate:12}{sizes[0]:12.0f}{sizes[1]:12.0f}", end="")
            if done.returncode:
                print(f"   more than {arguments.limit} GB", flush=True)
            else:
                found = json.loads(done.stdout.splitlines()[-1])
                print(f"{found['mb']:12.0f}{found['ms']:12.1f}", flush=True)


if __name__ == "__main__":
    main()

"""Time and memory of `portable-losses migrate` over a tree of files.

    python -m benchmarks.migrate [--files 2000] [--lines 500] [--share 0.25] [--jobs 2]

Writes a tree of its own into a temporary folder: `share` of the files are old losses from end to end,
the others name neither TensorFlow nor Keras. The stated aim: 2,000 files of 500 lines within 60 s on
two cores, and memory that does not grow with their number.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

from portable_losses.codemod import _files, _run

OLD = '''

def loss_{n}(y_true, y_pred, weight=0.5):
    """Loss number {n}."""
    y_pred = K.clip(y_pred, K.epsilon(), 1.0 - K.epsilon())
    cross = -K.sum(y_true * K.log(y_pred), axis=-1)
    norm = tf.sqrt(tf.reduce_sum(tf.square(y_pred), axis=1, keep_dims=True))
    if weight > 0:
        cross = cross + weight * tf.reduce_mean(tf.abs(norm - 1.0), axis=-1)
    # the rest of the function is the same for all of them
    return K.mean(tf.where(cross > 0.1, cross, tf.zeros_like(cross)))
'''
OTHER = '''

def number_{n}(values, weight=0.5):
    """Helper number {n}."""
    total = 0.0
    for value in values:
        if value > weight:
            total += value * weight
        else:
            total -= value
    # the rest of the function is the same for all of them
    return total / max(1, len(values))
'''


def grow(folder: Path, files: int, lines: int, share: float) -> None:
    every = round(1 / share) if share else files + 1
    for number in range(files):
        old = number % every == 0
        head = (
            "import tensorflow as tf\nfrom keras import backend as K\n" if old else "import math\n"
        )
        block = OLD if old else OTHER
        count = max(1, (lines - 2) // (block.count("\n")))
        path = folder / f"package_{number % 20}" / f"file_{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(head + "".join(block.format(n=n) for n in range(count)))


def peak() -> int:
    """Mebibytes, of this process and of the largest of its children."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) // 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--lines", type=int, default=500)
    parser.add_argument("--share", type=float, default=0.25)
    parser.add_argument("--jobs", type=int, default=_run.processors())
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        grow(Path(name), options.files, options.lines, options.share)
        start = time.perf_counter()
        paths = list(_files.find([Path(name)]))
        outcomes = _run.migrate_files(paths, _run.Options(), options.jobs)
        changed = sum(outcome.changed for outcome in outcomes)
        seconds = time.perf_counter() - start
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = spent.ru_utime + spent.ru_stime + time.process_time()
    print(f"{options.files} files of {options.lines} lines, {changed} with old code")
    print(f"{seconds:.1f} s on {options.jobs} processes, {cpu:.1f} s of CPU, {peak()} MiB")


if __name__ == "__main__":
    main()

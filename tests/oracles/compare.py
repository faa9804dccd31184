"""Whether two recordings of golden figures agree: `python compare.py NEW GOLDEN [PREFIX ...]`.

With prefixes, only files whose names begin with one of them are looked at. Runs where the
recorders run: on old Pythons, with NumPy alone.
"""

import sys
from pathlib import Path

import numpy as np


def differences(new, golden):
    """What differs between two `.npz` files, one line each; not what made them (`versions`)."""
    keys = set(new.files) | set(golden.files)
    for key in sorted(keys - {"versions"}):
        if key not in new.files or key not in golden.files:
            yield f"{key} is in one of them only"
            continue
        ours, theirs = new[key], golden[key]
        if ours.dtype != theirs.dtype or ours.shape != theirs.shape:
            yield f"{key}: {ours.dtype}{ours.shape} and {theirs.dtype}{theirs.shape}"
        elif ours.dtype.kind != "f":
            if not np.array_equal(ours, theirs):
                yield f"{key} differs"
        # another processor may add float32 in another order
        elif not np.allclose(ours, theirs, rtol=1e-5, atol=1e-6, equal_nan=True):
            yield f"{key} differs by up to {np.abs(ours - theirs).max()}"


def main(new, golden, *prefixes):
    names = {path.name for folder in (new, golden) for path in Path(folder).glob("*.npz")}
    names = {name for name in names if name.startswith(prefixes or "")}
    found = [] if names else ["nothing is recorded"]
    arrays = 0
    for name in sorted(names):
        paths = [Path(folder) / name for folder in (new, golden)]
        if not all(path.exists() for path in paths):
            found.append(f"{name} is in one folder only")
            continue
        files = [np.load(str(path), allow_pickle=False) for path in paths]
        arrays += len(files[0].files) - 1
        found += [f"{name}: {line}" for line in differences(*files)]
    if found:
        return "\n".join(found)
    print(f"{arrays} arrays in {len(names)} files agree with the golden figures")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

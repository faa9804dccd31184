"""Guess what a definition can be called with, from the names of its arguments.

Runs on Python 3.7 too. `schemes` gives consistent batches, one after another; `guess` fills a
signature from one of them. What runs first with the old code is recorded, so a bad guess costs a
definition, never a wrong comparison.
"""

# ruff: noqa: B905  # of later Pythons than this runs on

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np

N, C, D = 6, 5, 4  # samples, classes, features

# What an argument is, by its name without underscores; the first pattern that matches.
_ROLES = [
    ("true", r"^y?true|ytruth|yactual|^gts?$|groundtruth|^y$|^yt$|^target|hmtrue|^real$|^actual"),
    ("true", r"^ground|^reference|^truth|^masktrue|^obs"),
    ("pred", r"ypred|yprob|yhat|^pred|^prs?$|^p$|^output$|^outputs$|^probas?$|hmpred|^fake$|^yp$"),
    ("features", r"feature|^feats?$|embedding|prelogits|^deepfeat|^descriptors"),
    ("logits", r"logit"),
    ("labels", r"label|^classes$|^ids$|^classids"),
    ("anchor", r"^anchor(output|s?embedding)?s?$"),
    ("positive", r"^pos(itive)?(output|s?embedding)?s?$"),
    ("negative", r"^neg(ative)?(output|s?embedding)?s?$"),
    ("boxes", r"^box(es)?a$|^box(es)?1$|^b1$|^boxes$|^bbox"),
    ("boxes2", r"^box(es)?b$|^box(es)?2$|^b2$"),
    ("many", r"^inputs$|^vects$|^vectors$|^args$|^xs?$"),
    ("centers", r"^cent(er|re)s$"),
    ("mask", r"mask$"),
    ("batchindex", r"^batchindex$"),
]
ROLES = [(role, re.compile(pattern)) for role, pattern in _ROLES]

_NUMBERS: list[tuple[str, Any]] = [
    (r"num.*class|n.*class|class.*num|nclass|numcls|classes$|numout|numlabel|^units$|^c$|^k$", C),
    (r"featdim|featuredim|embedding(size|dim)|nrof.*feat|numdim|dim$|lenfeat|^d$", D),
    (r"batchsize|^n$|^batch$", N),
    (r"^alpha|^alfa|^beta|^ratio|^decay|threshold|^t$", 0.5),
    (r"^gamma", 2.0),
    (r"margin|^m$", 0.3),
    (r"scale|^s$", 8.0),
    (r"smooth|eps", 1e-3),
    (r"delta", 1.0),
    (r"axis|dim", -1),
    (r"lamb|weightdecay|factor|coef", 0.1),
    (r"index|^i$|classid|label$|^class$|interestingclass|^idx$", 1),
    (r"logits|sparse|squared|reduce", False),
    (r"name|scope", "corpus"),
    (r"reduction", "none"),
    (r"quantile|^q$|tau|percent", 0.3),
    (r"temperature", 0.5),
    (r"mode", "all"),
    (r"size", 3),
]
NUMBERS = [(re.compile(pattern), value) for pattern, value in _NUMBERS]
VARIANTS = ("each", "one", "dict")
VECTORS = re.compile(r"weight|freq|priors?|alpha_?s|class_?w|pos|per_?class|counts", re.IGNORECASE)


def schemes(hint: str) -> list[tuple[str, Any]]:
    """Named batches by role, the likeliest for a definition called `hint` first."""
    random = np.random.RandomState(0)

    def softmax(*shape: int) -> Any:
        e = np.exp(random.normal(size=shape))
        return (e / e.sum(-1, keepdims=True)).astype("float32")

    def normal(*shape: int) -> Any:
        return random.normal(size=shape).astype("float32")

    def bits(*shape: int) -> Any:
        return (random.uniform(size=shape) > 0.5).astype("float32")

    def inside(*shape: int) -> Any:
        return random.uniform(0.05, 0.95, size=shape).astype("float32")

    ids = np.array([0, 1, 1, 3, 4, 0], "int32")
    onehot = np.eye(C, dtype="float32")[ids]
    common = {
        "features": normal(N, D),
        "logits": normal(N, C),
        "labels": ids,
        "anchor": normal(N, D),
        "positive": normal(N, D),
        "negative": normal(N, D),
        "centers": normal(C, D),
        "mask": bits(N),
        "batchindex": np.int32(1),
        "boxes": np.abs(normal(N, 4)) + np.array([0, 0, 3, 3], "float32"),
        "boxes2": np.abs(normal(N, 4)) + np.array([0, 0, 3, 3], "float32"),
    }
    images, more = (2, 8, 8, 1), (2, 8, 8, 3)
    classes = np.eye(3, dtype="float32")[random.randint(0, 3, size=(2, 8, 8))]
    state = np.concatenate([bits(2, 9, 4), [[[1], [0], [-1]] * 3] * 2], -1).astype("float32")
    boxes = np.concatenate([normal(2, 9, 4), [[[1], [0], [-1]] * 3] * 2], -1).astype("float32")
    unit = normal(N, 3 * D)
    long = ids.astype("int64")
    found = {
        "onehot": {"true": onehot, "pred": softmax(N, C), "labels": onehot},
        "binary": {"true": bits(N, 1), "pred": inside(N, 1), "labels": bits(N, 1)},
        "binary_vector": {"true": bits(N), "pred": inside(N)},
        "images": {"true": bits(*images), "pred": inside(*images), "mask": bits(*images)},
        "images_classes": {"true": classes, "pred": softmax(*more)},
        "regression": {"true": normal(N, C), "pred": normal(N, C)},
        "sparse": {"true": ids, "pred": softmax(N, C)},
        "sparse_column": {"true": ids[:, None], "pred": softmax(N, C), "labels": ids[:, None]},
        "sparse_float": {"true": ids[:, None].astype("float32"), "pred": softmax(N, C)},
        "embedding": {"true": ids, "pred": normal(N, D), "labels": ids},
        "embedding_column": {"true": ids[:, None].astype("float32"), "pred": normal(N, D)},
        "ctc": {"true": random.randint(0, 4, (2, 3)).astype("float32"), "pred": softmax(2, 6, C)},
        "triplets": {"true": bits(N, 1), "pred": unit},
        "triplets_stacked": {"true": bits(3, N), "pred": normal(3, N, D)},
        "triplets_rows": {"true": bits(N, 1), "pred": normal(N, 3, D)},
        "sequence": {"true": bits(2, 7, C), "pred": softmax(2, 7, C)},
        "sparse_sequence": {"true": random.randint(0, C, (2, 7)), "pred": softmax(2, 7, C)},
        "detection_state": {"true": state, "pred": inside(2, 9, 4)},
        "detection_boxes": {"true": boxes, "pred": normal(2, 9, 4)},
        "volumes": {"true": bits(2, 4, 4, 4, 1), "pred": inside(2, 4, 4, 4, 1)},
        "planes": {"true": bits(2, 8, 8), "pred": inside(2, 8, 8), "labels": bits(2, 8, 8)},
        "large_images": {"true": bits(2, 32, 32, 3), "pred": inside(2, 32, 32, 3)},
        "distribution": {"true": normal(N, 1), "pred": np.abs(normal(N, 2)) + 0.1},
        "distribution4": {"true": normal(N, 1), "pred": np.abs(normal(N, 4)) + 0.1},
        "integers": {"true": onehot.astype("int32"), "pred": softmax(N, C)},
        "both_integers": {"true": ids, "pred": np.array([0, 1, 2, 3, 4, 1], "int32")},
        "long_labels": {"true": long, "pred": normal(N, C), "labels": long},
    }  # fmt: skip
    many = [
        {"many": [normal(N, D), normal(N, D)]},
        {"many": [normal(N, D), normal(N, D), normal(N, D)]},
        {"many": normal(N, D)},
        {"many": [normal(N, D), onehot]},
        {"many": [normal(N, D), ids[:, None]]},
        {"many": [normal(N, 2), np.eye(10, dtype="float32")[ids]]},
        {"many": [normal(N, 2), np.eye(3, dtype="float32")[ids % 3]]},
        {"many": [softmax(2, 6, C), random.randint(0, 4, (2, 3)).astype("float32"),
                  np.full((2, 1), 6.0, "float32"), np.full((2, 1), 3.0, "float32")]},
        {"many": [random.randint(0, 4, (2, 3)).astype("float32"), softmax(2, 6, C),
                  np.full((2, 1), 6.0, "float32"), np.full((2, 1), 3.0, "float32")]},
    ]  # fmt: skip
    order = list(found)
    for pattern, first in HINTS:
        if re.search(pattern, hint, re.IGNORECASE):
            order = [n for n in first if n in found] + [n for n in order if n not in first]
            break
    tried = [(name, _merge(common, found[name], many[0])) for name in order]
    return tried + [
        (f"list{i}", _merge(common, found["onehot"], given)) for i, given in enumerate(many) if i
    ]


HINTS = [
    (r"sparse", ["sparse_column", "sparse", "sparse_sequence"]),
    (r"triplet|semi_?hard|batch_?hard", ["embedding", "triplets", "triplets_stacked"]),
    (r"binary|bce|contrastive|hinge", ["binary", "binary_vector"]),
    (r"dice|iou|jaccard|tversky|seg|lovasz|surface", ["images", "images_classes", "onehot"]),
    (r"ssim|psnr|ncc|sobel|perceptual", ["large_images", "images"]),
    (r"center_loss|centerloss", ["embedding", "onehot"]),
    (r"mse|mae|rmse|r2|square|quantile|huber", ["regression", "binary"]),
]


def _merge(*given: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in given:
        found.update(one)
    return found


def role(name: str) -> str | None:
    """What the argument `name` stands for, or None."""
    plain = name.lower().replace("_", "")
    for found, pattern in ROLES:
        if pattern.search(plain):
            return found
    return None


def number(name: str, vectors: str) -> Any:
    """A plausible number; where there may be one for each class, by the variant `vectors`."""
    if VECTORS.search(name):
        each = np.linspace(0.5, 1.5, C).astype("float32")
        return {"each": each, "one": 0.5, "dict": dict(enumerate(each.tolist()))}[vectors]
    plain = name.lower().replace("_", "")
    for pattern, value in NUMBERS:
        if pattern.search(plain):
            return value
    return 0.5


def parameters(function: Any) -> tuple[list[str], list[str]]:
    """What `function` requires: names, and which of them go by keyword only."""
    every = inspect.signature(function).parameters.values()
    found = [p for p in every if p.default is p.empty and p.name not in ("self", "training")]
    return [p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)], [
        p.name for p in found if p.kind == p.KEYWORD_ONLY
    ]


def roles(names: list[str], pair: bool = True) -> dict[str, Any]:
    """The role of each argument; None is a number.

    Two arguments called nothing known, where no other is a tensor, are taken for a pair.
    """
    found = {name: role(name) for name in names}
    if pair and not any(found.values()):
        plain = [n for n in names if not any(p.search(n.lower()) for p, _ in NUMBERS)]
        unknown = [n for n in plain if not VECTORS.search(n)][:2]
        if len(unknown) == 2:
            found.update(dict(zip(unknown, ("true", "pred"))))
    values = set(found.values())
    if values & {"features", "logits"} and "labels" not in values:  # whose labels they are
        return {n: "labels" if r == "true" else r for n, r in found.items()}
    if "pred" in values and "true" not in values:
        return {n: "true" if r == "labels" else r for n, r in found.items()}
    return found

"""Record which pairs the miners of pytorch-metric-learning choose, as golden figures.

Runs with torch, pytorch-metric-learning and NumPy alone. README.md beside this file says what the
file holds. Names, settings and layouts are those of `portable_losses`.
"""

import json

import numpy as np
import torch
from _recording import write
from pytorch_metric_learning import distances, losses, miners
from pytorch_metric_learning.utils import loss_and_miner_utils

N, DIM = 8, 4
PACKAGES = ("torch", "pytorch-metric-learning")
EUCLIDEAN = distances.LpDistance(normalize_embeddings=False)


def semihard(strategy):
    return strategy.replace("_", "")


def easy_hard(positives, negatives, positive_range=None, negative_range=None):
    return miners.BatchEasyHardMiner(
        pos_strategy=semihard(positives),
        neg_strategy=semihard(negatives),
        allowed_pos_range=positive_range,
        allowed_neg_range=negative_range,
        distance=EUCLIDEAN,
    )


# Our class: the peer of our settings, and the settings. With the first, losses are recorded too.
RECIPES = {
    "BatchHard": (lambda: miners.BatchHardMiner(distance=EUCLIDEAN), [{}]),
    "BatchEasyHard": (
        easy_hard,
        [
            {
                "positives": "hard",
                "negatives": "semi_hard",
                "positive_range": [0.5, 2.5],
                "negative_range": [1.5, 3.0],
            },
            *(
                {"positives": positives, "negatives": negatives}
                for positives in ("hard", "semi_hard", "easy", "all")
                for negatives in ("hard", "semi_hard", "easy", "all")
                if "semi_hard" not in (positives, negatives)
                or (positives != negatives and "all" not in (positives, negatives))
            ),
        ],
    ),
    "MultiSimilarity": (
        lambda epsilon: miners.MultiSimilarityMiner(epsilon=epsilon),
        [{"epsilon": 0.1}, {"epsilon": 0.7}],
    ),
    "PairMargin": (
        lambda positive_margin, negative_margin: miners.PairMarginMiner(
            pos_margin=positive_margin, neg_margin=negative_margin, distance=EUCLIDEAN
        ),
        [{"positive_margin": 1.8, "negative_margin": 2.4}],
    ),
    "HDC": (
        lambda fraction: miners.HDCMiner(filter_percentage=fraction, distance=EUCLIDEAN),
        [{"fraction": 0.5}, {"fraction": 0.3}],
    ),
    "TripletMargin": (
        lambda margin, triplets: miners.TripletMarginMiner(
            margin=margin, type_of_triplets=semihard(triplets), distance=EUCLIDEAN
        ),
        [{"margin": 0.4, "triplets": kind} for kind in ("semi_hard", "all", "hard", "easy")],
    ),
    "Angular": (lambda angle: miners.AngularMiner(angle=angle), [{"angle": 20.0}, {"angle": 45.0}]),
}
LABELS = {
    "ordinary": [0, 1, 0, 2, 1, 0, 2, 2],
    "two_classes": [0, 1, 0, 1, 1, 0, 0, 1],
    "singletons": [0, 1, 2, 3, 0, 4, 5, 0],
    "one_class": [1] * N,
    "all_distinct": range(N),
}


def draw_batches(random):
    labels = np.array(list(map(list, LABELS.values())), "int32")
    return labels, random.normal(size=[len(labels), N, DIM]).astype("float32")


def choose(miner, labels, x):
    """The pairs of one class and of two; those that stand in a triplet."""
    chosen = miner(torch.tensor(x, dtype=torch.float64), torch.tensor(labels, dtype=torch.int64))
    anchors, positives, others, negatives = (
        chosen if len(chosen) == 4 else (*chosen[:2], chosen[0], chosen[2])
    )
    masks = np.zeros([2, N, N], bool)
    masks[0][anchors, positives] = True
    masks[1][others, negatives] = True
    return masks


def differentiate(loss, miner, labels, x):
    """The peer's scalar of the pairs chosen, and its gradient."""
    x = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor(labels, dtype=torch.int64)
    value = loss(x, labels, miner(x, labels))
    slope = torch.autograd.grad(value, x, allow_unused=True, materialize_grads=True)[0]
    return value.detach().numpy(), slope.numpy()


def losses_of(name):
    """The peer's losses by our names: those that look at pairs through a mask; and where no pair
    comes in several triplets, those that look at pairs and triplets."""
    found = {"multi_similarity": losses.MultiSimilarityLoss(), "circle": losses.CircleLoss(gamma=4)}
    if name not in ("TripletMargin", "Angular"):
        found["contrastive_labels"] = losses.ContrastiveLoss(0.3, 2.5, distance=EUCLIDEAN)
        found["triplet_batch_all"] = losses.TripletMarginLoss(margin=0.5, distance=EUCLIDEAN)
    return found


def record():
    labels, embeddings = draw_batches(np.random.RandomState(7))
    recorded = {"batches": np.array(list(LABELS)), "labels": labels, "embeddings": embeddings}
    configs = []
    for name, (peer, all_settings) in RECIPES.items():
        for settings in all_settings:
            miner, key = peer(**settings), f"{len(configs)}"
            configs.append({"miner": name, "settings": settings})
            batches = list(zip(labels, embeddings, strict=True))
            recorded[f"{key}_masks"] = np.stack([choose(miner, y, x) for y, x in batches])
            for loss_name, loss in losses_of(name).items() if settings is all_settings[0] else ():
                figures = [differentiate(loss, miner, y, x) for y, x in batches]
                value, gradient = map(np.stack, zip(*figures, strict=True))
                recorded.update(
                    {f"{key}_{loss_name}": value, f"{key}_{loss_name}_gradient": gradient}
                )
    recorded["configs"] = json.dumps(configs)
    recorded["weights"] = np.stack([weights(y, x) for y, x in zip(labels, embeddings, strict=True)])
    recorded["histogram"] = json.dumps(HISTOGRAM)
    drawn = [histogram_weights(y, x) for y, x in zip(labels, embeddings, strict=True)]
    recorded["histogram_weights"] = np.stack(drawn)
    return recorded


def weights(labels, x):
    """What `DistanceWeightedMiner` draws by: of each anchor its share of each reference."""
    seen = []
    draw = loss_and_miner_utils.get_random_triplet_indices

    def listen(*args, weights, **kwargs):
        seen.append(weights)
        return draw(*args, weights=weights, **kwargs)

    loss_and_miner_utils.get_random_triplet_indices = listen
    try:
        choose(miners.DistanceWeightedMiner(), labels, x)
    finally:
        loss_and_miner_utils.get_random_triplet_indices = draw
    return np.nan_to_num(seen[0].numpy())  # of an anchor without a negative, 0 / 0


HISTOGRAM = {"num_bins": 4, "positives_per_bin": 2, "negatives_per_bin": 3}


def histogram_weights(labels, x):
    """How often `UniformHistogramMiner` draws each pair on average."""
    shares, draw = [], torch.multinomial

    def listen(ones, number, replacement):
        shares.append(np.full(len(ones), number / len(ones)))
        return torch.arange(len(ones))

    miner = miners.UniformHistogramMiner(
        num_bins=HISTOGRAM["num_bins"],
        pos_per_bin=HISTOGRAM["positives_per_bin"],
        neg_per_bin=HISTOGRAM["negatives_per_bin"],
        distance=EUCLIDEAN,
    )
    torch.multinomial = listen
    try:
        found = miner(torch.tensor(x, dtype=torch.float64), torch.tensor(labels))
    finally:
        torch.multinomial = draw
    anchors, others = (torch.cat(found[i::2]).numpy() for i in (0, 1))
    expected = np.zeros([len(labels)] * 2)
    expected[anchors, others] = np.concatenate(shares)
    return expected


if __name__ == "__main__":
    torch.set_num_threads(1)
    write(__doc__, PACKAGES, [("miners_pml", record())])

"""Record what losses of pytorch-metric-learning compute, as golden figures.

Runs with torch, pytorch-metric-learning and NumPy alone, and writes small `.npz` files. README.md
beside this file says what they hold. Names, settings and layouts are those of `portable_losses`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from _recording import write
from pytorch_metric_learning import distances, losses, miners, reducers

PACKAGES = ("torch", "pytorch-metric-learning")
CLASSES, DIM = 5, 4
STEPS, STEP_SIZE = 6, 4  # of the losses with a memory


def same(settings):
    return settings


def as_given(ours):
    """Distances of embeddings as they come, of those settings that have the peer's names."""
    return {**ours, "distance": distances.LpDistance(normalize_embeddings=False)}


def mined_hard(margin):
    """The mean over the hardest triplet of every anchor that has one."""
    given = as_given({"margin": margin})
    loss = losses.TripletMarginLoss(**given, reducer=reducers.MeanReducer())
    miner = miners.BatchHardMiner(distance=given["distance"])
    return lambda x, labels: loss(x, labels, miner(x, labels))


def mined_triplets(margin, triplets):
    given = as_given({"margin": margin})
    loss = losses.TripletMarginLoss(**given)
    miner = miners.TripletMarginMiner(**given, type_of_triplets=triplets.replace("_", ""))
    return lambda x, labels: loss(x, labels, miner(x, labels))


def of_units(peer):
    """The peer on embeddings of length 1, of those that do not normalise all that they take."""

    def build(**settings):
        loss = peer(**settings)
        return lambda x, labels: loss(torch.nn.functional.normalize(x), labels)

    return build


def two_views(temperature):
    """Rows 2i and 2i + 1 are the views of sample i; labels play no part."""
    loss = losses.SelfSupervisedLoss(losses.NTXentLoss(temperature=temperature))
    return lambda x, labels: loss(x[::2], x[1::2])


def vicreg(**arguments):
    """Of the same rows as views."""
    loss = losses.VICRegLoss(**arguments)
    return lambda x, labels: loss(x[::2], ref_emb=x[1::2])


@dataclass(frozen=True)
class Recipe:
    """How to get a loss out of the peer.

    Attributes:
        peer: Its class.
        settings: Two times our settings or more, or one time if there are none.
        arguments: From our settings to the peer's.
        weights: The peer's name of the proxies; None where the loss has none.
        seed: Of the batches; None: the place among the recipes.
        batches: The names of the batches that the peer takes; all of them if empty.
    """

    peer: Callable
    settings: tuple[dict, ...]
    arguments: Callable[[dict], dict] = same
    weights: str | None = "W"
    seed: int | None = None
    batches: tuple[str, ...] = ()


RECIPES = {
    "arcface": Recipe(
        losses.ArcFaceLoss,
        ({"margin": 0.5, "scale": 64.0}, {"margin": 1.2, "scale": 4.0}),
        lambda ours: {**ours, "margin": np.degrees(ours["margin"])},
    ),
    "sub_center_arcface": Recipe(
        losses.SubCenterArcFaceLoss,
        (
            {"sub_centers": 3, "margin": 0.5, "scale": 64.0},
            {"sub_centers": 2, "margin": 0.3, "scale": 8.0},
        ),
        lambda ours: {**ours, "margin": np.degrees(ours["margin"])},
    ),
    "cosface": Recipe(
        losses.CosFaceLoss,
        ({"margin": 0.35, "scale": 64.0}, {"margin": 0.2, "scale": 4.0}),
    ),
    "sphereface": Recipe(
        losses.SphereFaceLoss,
        ({"margin": 4, "scale": 1.0}, {"margin": 3, "scale": 2.0}),
    ),
    "normalized_softmax": Recipe(
        losses.NormalizedSoftmaxLoss, ({"temperature": 0.05}, {"temperature": 0.5})
    ),
    "p2sgrad": Recipe(losses.P2SGradLoss, ({},), weights="weight"),
    "proxy_nca": Recipe(
        losses.ProxyNCALoss,
        ({"temperature": 1.0}, {"temperature": 0.125}),
        lambda ours: {"softmax_scale": 1 / ours["temperature"]},
        weights="proxies",
    ),
    "proxy_anchor": Recipe(
        losses.ProxyAnchorLoss,
        ({"margin": 0.1, "alpha": 32.0}, {"margin": 0.3, "alpha": 4.0}),
        weights="proxies",
    ),
    "soft_triple": Recipe(
        losses.SoftTripleLoss,
        (
            {"centers_per_class": 3, "la": 20.0, "gamma": 0.1, "margin": 0.01, "tau": 0.0},
            {"centers_per_class": 2, "la": 5.0, "gamma": 0.5, "margin": 0.2, "tau": 0.0},
        ),
        lambda ours: {key: value for key, value in ours.items() if key != "tau"},  # it has none
        weights="fc",
    ),
    "instance_loss": Recipe(losses.InstanceLoss, ({"gamma": 64.0}, {"gamma": 4.0}), weights=None),
    "supcon": Recipe(losses.SupConLoss, ({"temperature": 0.1}, {"temperature": 0.5}), weights=None),
    "multi_similarity": Recipe(
        losses.MultiSimilarityLoss,
        (
            {"alpha": 2.0, "beta": 50.0, "base": 0.5},
            {"alpha": 1.0, "beta": 10.0, "base": 0.2},
        ),
        weights=None,
    ),
    "ntxent": Recipe(
        losses.NTXentLoss, ({"temperature": 0.07}, {"temperature": 0.5}), weights=None
    ),
    "simclr": Recipe(two_views, ({"temperature": 0.1}, {"temperature": 0.5}), weights=None),
    "circle": Recipe(
        losses.CircleLoss,
        ({"margin": 0.4, "gamma": 80.0}, {"margin": 0.25, "gamma": 4.0}),
        lambda ours: {"m": ours["margin"], "gamma": ours["gamma"]},
        weights=None,
    ),
    "lifted_structure": Recipe(
        losses.LiftedStructureLoss,
        ({"margin": 1.0}, {"margin": 0.4}),
        lambda ours: as_given({"neg_margin": ours["margin"]}),
        weights=None,
    ),
    "contrastive_labels": Recipe(
        losses.ContrastiveLoss,
        (
            {"margin": 1.0, "positive_margin": 0.0, "power": 1, "average": "nonzero"},
            {"margin": 2.5, "positive_margin": 0.6, "power": 1, "average": "nonzero"},
        ),
        lambda ours: as_given(
            {"neg_margin": ours["margin"], "pos_margin": ours["positive_margin"]}
        ),
        weights=None,
    ),
    "triplet_batch_all": Recipe(
        losses.TripletMarginLoss, ({"margin": 0.05}, {"margin": 1.0}), as_given, weights=None
    ),
    "triplet_mined": Recipe(
        mined_triplets,
        ({"margin": 1.0, "triplets": "semi_hard"}, {"margin": 1.0, "triplets": "hard"}),
        weights=None,
    ),
    "triplet_hard": Recipe(mined_hard, ({"margin": 0.2}, {"margin": 1.0}), weights=None),
}
# Each with a seed of its own, which stays as it is when others come before it.
RECIPES |= {
    "margin_loss": Recipe(
        losses.MarginLoss,
        ({"margin": 0.2, "beta": 1.2}, {"margin": 0.5, "beta": 2.0}),
        as_given,
        weights=None,
        seed=200,
    ),
    "nca": Recipe(
        losses.NCALoss,
        ({"temperature": 1.0}, {"temperature": 4.0}),
        lambda ours: {
            "softmax_scale": 1 / ours["temperature"],
            "distance": distances.LpDistance(normalize_embeddings=False, power=2),
        },
        weights=None,
        seed=201,
    ),
    "angular": Recipe(
        of_units(losses.AngularLoss),
        ({"alpha": 0.7}, {"alpha": 0.9}),
        lambda ours: {"alpha": np.degrees(ours["alpha"])},
        weights=None,
        seed=202,
    ),
    "generalized_lifted_structure": Recipe(
        losses.GeneralizedLiftedStructureLoss,
        ({"margin": 1.0, "singletons": "push"}, {"margin": 0.4, "singletons": "push"}),
        lambda ours: as_given({"neg_margin": ours["margin"]}),
        weights=None,
        seed=203,
    ),
    "tuplet_margin": Recipe(
        losses.TupletMarginLoss,
        ({"margin": 0.1, "scale": 64.0}, {"margin": 0.3, "scale": 4.0}),
        lambda ours: {**ours, "margin": np.degrees(ours["margin"])},
        weights=None,
        seed=204,
    ),
    "intra_pair_variance": Recipe(
        losses.IntraPairVarianceLoss,
        (
            {"positive_epsilon": 0.01, "negative_epsilon": 0.01},
            {"positive_epsilon": 0.1, "negative_epsilon": 0.3},
        ),
        lambda ours: {"pos_eps": ours["positive_epsilon"], "neg_eps": ours["negative_epsilon"]},
        weights=None,
        seed=205,
    ),
    "snr_contrastive": Recipe(
        losses.SignalToNoiseRatioContrastiveLoss,
        # At a margin of 1 lie some of the distances of `opposite`, up to rounding.
        ({"margin": 0.7, "positive_margin": 0.0}, {"margin": 2.5, "positive_margin": 0.6}),
        lambda ours: {
            "neg_margin": ours["margin"],
            "pos_margin": ours["positive_margin"],
            "distance": distances.SNRDistance(normalize_embeddings=False),
        },
        weights=None,
        seed=206,
    ),
    "ranked_list": Recipe(
        losses.RankedListLoss,
        (
            {"margin": 0.4, "alpha": 1.2, "negative_temperature": 2.0, "constant_weights": False},
            {
                "margin": 1.0,
                "alpha": 2.5,
                "imbalance": 0.3,
                "positive_temperature": 1.0,
                "negative_temperature": 0.5,
                "constant_weights": False,
            },
        ),
        lambda ours: as_given(
            {
                "margin": ours["margin"],
                "alpha": ours["alpha"],
                "imbalance": ours.get("imbalance", 0.5),
                "Tp": ours.get("positive_temperature", 0.0),
                "Tn": ours["negative_temperature"],
            }
        ),
        weights=None,
        seed=207,
    ),
    "threshold_consistent_margin": Recipe(
        losses.ThresholdConsistentMarginLoss,
        (
            {"positive_margin": 0.9, "negative_margin": 0.5},
            {
                "positive_margin": 0.6,
                "negative_margin": -0.2,
                "positive_weight": 0.5,
                "negative_weight": 2.0,
            },
        ),
        lambda ours: {
            "margin_plus": ours["positive_margin"],
            "margin_minus": ours["negative_margin"],
            "lambda_plus": ours.get("positive_weight", 1.0),
            "lambda_minus": ours.get("negative_weight", 1.0),
        },
        weights=None,
        seed=208,
    ),
}
# Their seeds are their own, so that neither list moves the other's batches.
RANKINGS = {
    "smooth_ap": Recipe(
        losses.SmoothAPLoss,
        (
            {"temperature": 0.1, "with_itself": True},
            {"temperature": 0.5, "with_itself": True},
        ),
        lambda ours: {"temperature": ours["temperature"]},
        weights=None,
        # The peer takes the number of classes for that of samples in each.
        batches=("square", "square_duplicates", "square_opposite"),
    ),
    "fast_ap": Recipe(losses.FastAPLoss, ({"num_bins": 10}, {"num_bins": 5}), weights=None),
    "pnp": Recipe(
        losses.PNPLoss,
        (
            {"variant": "O", "temperature": 0.1, "with_itself": True},
            {"variant": "Iu", "temperature": 0.1, "with_itself": True},
            {"variant": "Ib", "b": 3.0, "temperature": 0.1, "with_itself": True},
            {"variant": "Ds", "temperature": 0.1, "with_itself": True},
            {"variant": "Dq", "alpha": 2.0, "temperature": 0.1, "with_itself": True},
        ),
        lambda ours: {
            "anneal" if key == "temperature" else key: value
            for key, value in ours.items()
            if key != "with_itself"
        },
        weights=None,
    ),
    "histogram": Recipe(
        losses.HistogramLoss,
        ({"num_bins": 20}, {"num_bins": 7}),
        lambda ours: {"n_bins": ours["num_bins"]},
        weights=None,
        # Two equal embeddings are an error; `ordinary` has two samples without a positive.
        batches=("pairs", "threes", "classes_absent", "one_class", "all_distinct", "ordinary"),
    ),
    "vicreg": Recipe(
        vicreg,
        (
            {"invariance_weight": 25.0, "variance_weight": 25.0, "covariance_weight": 1.0},
            {
                "invariance_weight": 2.0,
                "variance_weight": 3.0,
                "covariance_weight": 0.5,
                "epsilon": 1e-2,
            },
        ),
        lambda ours: {
            "invariance_lambda": ours["invariance_weight"],
            "variance_mu": ours["variance_weight"],
            "covariance_v": ours["covariance_weight"],
            "eps": ours.get("epsilon", 1e-4),
        },
        weights=None,
        batches=("ordinary", "duplicates", "opposite"),
    ),
}
MEMORY_SIZE = 6  # full after one step and a half: the second batch stands at its end and start


def draw_weights(random, rows_per_class):
    """Rows of each class one after the other; one of class 0 and one of 1 lie on an axis."""
    weights = random.normal(size=[CLASSES * rows_per_class, DIM])
    weights[0] = [2, 0, 0, 0]
    weights[rows_per_class] = [0, 0.5, 0, 0]
    return weights.astype("float32")


def draw_batches(random, weights):
    """Labels and embeddings by the name of the batch, all of one size."""
    embeddings = random.normal(size=[6, DIM]).astype("float32")
    batches = {
        "ordinary": ([3, 0, 4, 1, 0, 3], embeddings),
        "duplicates": ([1, 1, 0, 2, 0, 3], embeddings[[0, 0, 1, 1, 2, 2]]),
        "one_class": ([2, 2, 2, 2, 2, 2], embeddings),
        "classes_absent": ([3, 1, 1, 3, 3, 1], embeddings),
    }
    axes = np.eye(DIM, dtype="float32")
    if weights is None:
        batches["all_distinct"] = (range(6), embeddings)
        opposite = np.stack([axes[0], -axes[0], axes[1], -2 * axes[1], 3 * axes[0], axes[2]])
        batches["opposite"] = ([0, 0, 1, 1, 2, 2], opposite)
    else:
        # At an angle of exactly 0 or π in every precision: two to the proxy of their own class,
        # two to that of another; and two somewhere.
        on = np.stack([3 * axes[0], axes[1], axes[0], 4 * axes[1], *embeddings[:2]])
        batches["on_proxies"] = ([0, 1, 3, 0, 2, 4], on)
        batches["opposite_to_proxies"] = ([0, 1, 3, 0, 2, 4], -on)
    return {name: (np.array(y, "int32"), x) for name, (y, x) in batches.items()}


def differentiate(loss, labels, embeddings, weights=None):
    """The peer's scalar and its gradients by embeddings and by weights, in float64."""
    x = torch.tensor(embeddings, dtype=torch.float64, requires_grad=True)
    value = loss(x, torch.tensor(labels, dtype=torch.int64))
    by = [x] if weights is None else [x, weights]
    slopes = torch.autograd.grad(value, by, allow_unused=True, materialize_grads=True)
    return (value.detach().numpy(), *(slope.numpy() for slope in slopes))


def record(seed, recipe, settings, one_sample=False):
    """The figures of all batches; of a batch with one sample alone."""
    random = np.random.RandomState(seed)
    arguments = recipe.arguments(settings)
    recorded = {"settings": json.dumps(settings)}
    weights = parameter = None
    if recipe.weights is None:
        loss = recipe.peer(**arguments)
    else:
        size = "descriptors_dim" if recipe.peer is losses.P2SGradLoss else "embedding_size"
        loss = recipe.peer(**arguments, num_classes=CLASSES, **{size: DIM})
        rows = settings.get("sub_centers") or settings.get("centers_per_class") or 1
        weights = draw_weights(random, rows)
        parameter = getattr(loss, recipe.weights)
        recorded.update(num_classes=np.int32(CLASSES), weights=weights)
    batches = draw_batches(random, weights)
    if recipe.batches:
        embeddings = batches["ordinary"][1]
        batches["pairs"] = (np.array([3, 3, 0, 0, 1, 1], "int32"), embeddings)
        batches["threes"] = (np.array([2, 2, 2, 0, 0, 0], "int32"), embeddings)
        square = np.array([3, 3, 0, 0], "int32")
        batches["square"] = (square, embeddings[:4])
        batches["square_duplicates"] = (square, embeddings[[0, 1, 1, 2]])
        batches["square_opposite"] = (square, batches["opposite"][1][:4])
        batches = {name: batches[name] for name in recipe.batches}
    if one_sample:
        labels, embeddings = next(iter(batches.values()))
        batches = {"one_sample": (labels[:1], embeddings[:1])}
    figures = []
    for labels, embeddings in batches.values():
        if parameter is not None:
            # Set anew each time, for P2SGrad divides its weights by their lengths in place.
            parameter.data = torch.tensor(transposed(recipe, weights), dtype=torch.float64)
        value, by_x, *by_weights = differentiate(loss, labels, embeddings, parameter)
        figures.append((value, by_x, *(transposed(recipe, slope) for slope in by_weights)))
    recorded["batches"] = np.array(list(batches))
    recorded["labels"], recorded["embeddings"] = map(np.stack, zip(*batches.values(), strict=True))
    keys = ("loss", "gradient", "weights_gradient")[: len(figures[0])]
    recorded.update(zip(keys, map(np.stack, zip(*figures, strict=True)), strict=True))
    return recorded


def transposed(recipe, weights):
    """From our layout to the peer's, or back: some have proxies in rows as we do."""
    return weights if recipe.weights == "proxies" else weights.T.copy()


def record_memory(seed, name, settings):
    """A few steps of a loss against its own batch and the memory of those before."""
    random = np.random.RandomState(seed)
    recipe = RECIPES[name]
    inner = recipe.peer(**recipe.arguments(settings))
    # The peer counts the step's own batch too.
    size = MEMORY_SIZE + STEP_SIZE
    loss = losses.CrossBatchMemory(inner, embedding_size=DIM, memory_size=size)
    labels = random.randint(3, size=[STEPS, STEP_SIZE]).astype("int32")
    labels[1] = 1  # a step of one class
    embeddings = random.normal(size=[STEPS, STEP_SIZE, DIM]).astype("float32")
    embeddings[3] = embeddings[2]  # samples that the memory holds already
    steps = [differentiate(loss, *step) for step in zip(labels, embeddings, strict=True)]
    value, gradient = map(np.stack, zip(*steps, strict=True))
    return {
        "settings": json.dumps({"loss": {"name": name, **settings}, "memory_size": MEMORY_SIZE}),
        "labels": labels,
        "embeddings": embeddings,
        "loss": value,
        "gradient": gradient,
    }


def record_boundaries(seed):
    """`MarginLoss` with a boundary for each class, and the gradient by it."""
    random = np.random.RandomState(seed)
    settings = {"margin": 0.3, "beta": 1.2}
    loss = losses.MarginLoss(**as_given(settings), learn_beta=True, num_classes=CLASSES)
    boundaries = random.uniform(0.8, 2.0, size=CLASSES).astype("float32")
    loss.beta.data = torch.tensor(boundaries, dtype=torch.float64)
    batches = draw_batches(random, None)
    del batches["all_distinct"]  # of six classes
    figures = [differentiate(loss, *batch, loss.beta) for batch in batches.values()]
    recorded = {"settings": json.dumps(settings), "boundaries": boundaries}
    recorded["batches"] = np.array(list(batches))
    recorded["labels"], recorded["embeddings"] = map(np.stack, zip(*batches.values(), strict=True))
    keys = ("loss", "gradient", "boundaries_gradient")
    return recorded | dict(zip(keys, map(np.stack, zip(*figures, strict=True)), strict=True))


def files():
    yield "pml_boundaries_0", record_boundaries(300)
    seeded = [*enumerate(RECIPES.items()), *enumerate(RANKINGS.items(), start=200)]
    for place, (name, recipe) in seeded:
        seed = place if recipe.seed is None else recipe.seed
        for i, settings in enumerate(recipe.settings):
            yield f"pml_{name}_{i}", record(seed, recipe, settings)
        if recipe.peer not in (two_views, vicreg):
            found = record(seed, recipe, recipe.settings[-1], one_sample=True)
            yield f"pml_{name}_one_sample", found
    for seed, name in enumerate(["supcon", "multi_similarity"], start=100):
        for i, settings in enumerate(RECIPES[name].settings):
            yield f"pml_memory_{name}_{i}", record_memory(seed, name, settings)


if __name__ == "__main__":
    torch.set_num_threads(1)  # two recordings then agree in every bit
    write(__doc__, PACKAGES, files())

"""Record what losses of views, pairs and triplets compute in PyTorch, as golden figures.

Runs with torch, sentence-transformers, and the modules of OpenCLIP and lightly that hold losses,
which need nothing else. README.md beside this file says what the files hold. Names, settings and
layouts are those of `portable_losses`.
"""

import importlib
import sys
import types
from importlib import metadata

import numpy as np
import torch
from _recording import DIM, of_batches, write
from sentence_transformers.sentence_transformer import losses as sentence

SAMPLES = 6
PACKAGES = ("torch", "sentence-transformers", "open-clip-torch", "lightly")
VIEWS, TEACHER_VIEWS = 3, 2  # of DINO
EPOCHS = 5


def bare(distribution, *packages):
    """Let modules of packages be imported without what the packages themselves import."""
    installed = metadata.distribution(distribution)
    for name in packages:
        package = types.ModuleType(name)
        package.__path__ = [str(installed.locate_file(name.replace(".", "/")))]
        sys.modules[name] = package


bare("open-clip-torch", "open_clip")
bare(
    "lightly", *("lightly" + path for path in ("", ".loss", ".models", ".models.modules", ".utils"))
)
open_clip = importlib.import_module("open_clip.loss")
lightly = ("barlow_twins_loss", "dino_loss", "negative_cosine_similarity", "vicreg_loss")
barlow_twins_loss, dino_loss, negative_cosine_similarity, vicreg_loss = (
    importlib.import_module(f"lightly.loss.{name}") for name in lightly
)


def units(x):
    """OpenCLIP's losses are of features that the model has normalised."""
    return torch.nn.functional.normalize(x, dim=-1).unbind(1)


def clip(settings):
    peer = open_clip.ClipLoss()
    return lambda labels, x: peer(*units(x), logit_scale=1 / settings["temperature"])


def siglip(settings):
    peer = open_clip.SigLipLoss()
    given = {"logit_scale": settings["scale"], "logit_bias": settings["bias"]}
    return lambda labels, x: peer(*units(x), **given)


def of_sentences(peer, **given):
    """A loss of sentence-transformers, which asks its model for nothing here."""

    def build(settings):
        scale = settings["scale"] if "scale" in settings else 1 / settings["temperature"]
        loss = peer(None, scale=scale, **given)
        return lambda labels, x: loss.compute_loss_from_embeddings(list(x.unbind(1)), labels)

    return build


def contrastive(settings):
    metric = sentence.SiameseDistanceMetric.EUCLIDEAN
    loss = sentence.ContrastiveLoss(None, distance_metric=metric, margin=settings["margin"])
    return lambda labels, x: loss.compute_loss_from_embeddings(list(x.unbind(1)), labels)


def triplet_margin(settings):
    metric = getattr(sentence.TripletDistanceMetric, settings["distance"].upper())
    loss = sentence.TripletLoss(None, distance_metric=metric, triplet_margin=settings["margin"])
    return lambda labels, x: loss.compute_loss_from_embeddings(list(x.unbind(1)), labels)


class Given(torch.nn.Module):
    """A model whose input is its embedding."""

    def forward(self, features):
        return {"sentence_embedding": features["x"]}

    def get_embedding_dimension(self):
        return DIM


def matryoshka(settings):
    """Of in-batch negatives."""
    model = Given()
    inner = sentence.MultipleNegativesRankingLoss(model, scale=1 / settings["temperature"])
    loss = sentence.MatryoshkaLoss(model, inner, settings["dims"], settings["weights"])
    return lambda labels, x: loss([{"x": view} for view in x.unbind(1)], labels)


def simsiam(settings):
    """As lightly's documentation has it: half of both directions, with targets held constant."""
    peer = negative_cosine_similarity.NegativeCosineSimilarity()

    def loss(labels, x):
        predictions, targets = x[:, :2].unbind(1), x[:, 2:].detach().unbind(1)
        return (peer(predictions[0], targets[1]) + peer(predictions[1], targets[0])) / 2

    return loss


def barlow_twins(settings):
    peer = barlow_twins_loss.BarlowTwinsLoss(lambda_param=settings["redundancy_weight"])
    return lambda labels, x: peer(*x.unbind(1))


def vicreg(settings):
    peer = vicreg_loss.VICRegLoss(
        lambda_param=settings["invariance_weight"],
        mu_param=settings["variance_weight"],
        nu_param=settings["covariance_weight"],
        eps=settings["epsilon"],
    )
    return lambda labels, x: peer(*x.unbind(1))


def draw_views(random, dim=DIM):
    """Two views of each sample by the name of the batch."""
    x, other = (random.normal(size=[SAMPLES, dim]) for _ in range(2))
    scale = np.array([100, 0.01, 1, 100, 1, 0.01])[:, None]
    return {
        "ordinary": (x, other),
        "near": (x, x + 0.1 * other),
        "equal": (x, x),
        "opposite": (x, -x),
        "duplicates": (x[[0, 0, 1, 1, 2, 2]], other[[0, 0, 1, 1, 2, 3]]),
        "long_and_short": (x * scale, other * scale[::-1]),
    }


def of_views(random):
    return {name: (range(SAMPLES), np.stack(x, axis=1)) for name, x in draw_views(random).items()}


def of_coordinates(random):
    """For losses of coordinates, of which one may be constant, and two may be equal."""
    batches = of_views(random)
    del batches["long_and_short"]
    labels, x = batches["ordinary"]
    for name, first in (("constant", np.ones_like(x[..., :1])), ("twins", x[..., 1:2])):
        batches[name] = (labels, np.concatenate([first, x[..., 1:]], axis=-1))
    return batches


def of_scores(random, dim=DIM):
    """Scores of pairs, some equal; and one batch in which they are all equal."""
    batches = {}
    for name, x in draw_views(random, dim).items():
        batches[name] = (random.choice([0.0, 0.2, 0.5, 1.0], SAMPLES), np.stack(x, axis=1))
    batches["ordered"] = (np.arange(SAMPLES) / 2, batches["ordinary"][1])
    batches["one_score"] = (np.full(SAMPLES, 0.7), batches["ordinary"][1])
    return batches


def of_pairs(random):
    """Pairs that are similar or not. None are near one another, for PyTorch's distance adds 1e-6 to
    every coordinate of a difference."""
    similar = [0, 1, 1, 0, 0, 1]
    batches = draw_views(random)
    return {
        k: (similar, np.stack(batches[k], axis=1)) for k in ("ordinary", "duplicates", "opposite")
    }


def of_triplets(random):
    batches = {}
    for name, (labels, x) in of_pairs(random).items():
        negatives = random.normal(size=[SAMPLES, 1, DIM])
        batches[name] = (labels, np.concatenate([x, negatives], axis=1))
    return batches


def of_odd_length(random):
    return of_scores(random, dim=5)


def of_predictions(random):
    """Predictions of two views and their projections."""
    batches = {}
    for name, (labels, x) in of_views(random).items():
        projections = random.normal(size=[SAMPLES, 2, DIM])
        batches[name] = (labels, np.concatenate([x, projections], axis=1))
    x = batches["ordinary"][1]
    batches["reached"] = (range(SAMPLES), x[:, [0, 1, 1, 0]])
    return batches


# Our function, the peer, its batches, and our settings.
RECIPES = {
    "clip": (clip, of_views, ({"temperature": 0.07}, {"temperature": 0.5})),
    "siglip": (
        siglip,
        of_views,
        ({"scale": 10.0, "bias": -10.0}, {"scale": 3.0, "bias": 0.5}),
    ),
    "in_batch_negatives": (
        of_sentences(sentence.MultipleNegativesRankingLoss),
        of_views,
        ({"temperature": 0.05}, {"temperature": 0.5}),
    ),
    # Its symmetric form is CLIP's.
    "clip_of_sentences": (
        of_sentences(
            sentence.MultipleNegativesRankingLoss,
            directions=("query_to_doc", "doc_to_query"),
            partition_mode="per_direction",
        ),
        of_views,
        ({"temperature": 0.05},),
    ),
    "cosent": (
        of_sentences(sentence.CoSENTLoss),
        of_scores,
        ({"scale": 20.0}, {"scale": 2.0}),
    ),
    "angle": (of_sentences(sentence.AnglELoss), of_scores, ({"scale": 20.0}, {"scale": 2.0})),
    "angle_of_odd_length": (of_sentences(sentence.AnglELoss), of_odd_length, ({"scale": 5.0},)),
    "contrastive": (contrastive, of_pairs, ({"margin": 0.5}, {"margin": 3.0})),
    "triplet_margin": (
        triplet_margin,
        of_triplets,
        (
            {"margin": 5.0, "distance": "euclidean"},
            {"margin": 1.0, "distance": "manhattan"},
            {"margin": 0.5, "distance": "cosine"},
        ),
    ),
    "matryoshka": (
        matryoshka,
        of_views,
        (
            {"temperature": 0.05, "dims": [4, 2], "weights": [1.0, 1.0]},
            {"temperature": 0.5, "dims": [3, 1], "weights": [0.5, 2.0]},
        ),
    ),
    "simsiam": (simsiam, of_predictions, ({},)),
    "barlow_twins": (
        barlow_twins,
        of_coordinates,
        ({"redundancy_weight": 5e-3}, {"redundancy_weight": 0.3}),
    ),
    "vicreg": (
        vicreg,
        of_coordinates,
        (
            {
                "invariance_weight": 25.0,
                "variance_weight": 25.0,
                "covariance_weight": 1.0,
                "epsilon": 1e-4,
            },
            {
                "invariance_weight": 2.0,
                "variance_weight": 3.0,
                "covariance_weight": 0.5,
                "epsilon": 1e-2,
            },
        ),
    ),
}
DINO = (
    {
        "student_temperature": 0.1,
        "teacher_temperature": 0.07,
        "center_momentum": 0.9,
        "warmup_teacher_temp": 0.04,
        "warmup_teacher_temp_epochs": 3,
    },
    {
        "student_temperature": 0.5,
        "teacher_temperature": 0.2,
        "center_momentum": 0.5,
        "warmup_teacher_temp": 0.6,
        "warmup_teacher_temp_epochs": 4,
    },
)


def slope_of(loss):
    """Value and gradient in float64."""

    def differentiate(labels, embeddings):
        x = torch.tensor(embeddings, dtype=torch.float64, requires_grad=True)
        value = loss(torch.tensor(labels, dtype=torch.float64), x)
        return value.detach().numpy(), torch.autograd.grad(value, x)[0].numpy()

    return differentiate


def record_dino(random, settings):
    """A few epochs of one step each, of outputs of the student and then of the teacher."""
    peer = dino_loss.DINOLoss(
        output_dim=DIM,
        student_temp=settings["student_temperature"],
        teacher_temp=settings["teacher_temperature"],
        warmup_teacher_temp=settings["warmup_teacher_temp"],
        warmup_teacher_temp_epochs=settings["warmup_teacher_temp_epochs"],
        center_momentum=settings["center_momentum"],
    ).double()
    outputs = random.normal(size=[EPOCHS, SAMPLES, VIEWS + TEACHER_VIEWS, DIM])
    outputs[1, :, VIEWS:] = outputs[1, :, :TEACHER_VIEWS]  # the student has what it is to have
    outputs[2] = outputs[2, :1]  # a batch of one sample
    centers, epoch = [], iter(range(EPOCHS))

    def loss(labels, x):
        student, teacher = x[:, :VIEWS].unbind(1), x[:, VIEWS:].detach().unbind(1)
        value = peer(list(teacher), list(student), epoch=next(epoch))
        centers.append(peer.center.reshape(-1).numpy())
        return value

    batches = {f"epoch_{i}": (range(SAMPLES), x) for i, x in enumerate(outputs)}
    found = of_batches(settings, batches, slope_of(loss))
    return {**found, "center": np.stack(centers)}


def files():
    for seed, (name, (build, draw, several)) in enumerate(RECIPES.items()):
        for i, settings in enumerate(several):
            batches = draw(np.random.RandomState(seed))
            found = of_batches(settings, batches, slope_of(build(settings)), "float32")
            yield f"views_{name}_{i}", found
    for i, settings in enumerate(DINO):
        yield f"views_dino_{i}", record_dino(np.random.RandomState(100 + i), settings)


if __name__ == "__main__":
    torch.set_num_threads(1)  # two recordings then agree in every bit
    write(__doc__, PACKAGES, files())

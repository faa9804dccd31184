"""Losses of the pairs that a miner chooses."""

import numpy as np

from portable_losses import losses, miners
from tests.contract.case import Case
from tests.contract.cases import embedding
from tests.references import embedding as reference
from tests.references import miners as choices

NAMES = {"MultiSimilarity": "multi_similarity", "BatchEasyHard": "batch_easy_hard"}


def mined(y_true, y_pred, *, loss, miner, block_size=None):
    choose = getattr(choices, NAMES[type(miner).__name__])
    keep = np.logical_or(*choose(y_true, y_pred, **miner.settings))
    given = {"ref_labels": y_true, "ref_x": y_pred, "seen": keep}
    return getattr(reference, loss.name)(y_true, y_pred, **given, **loss.settings)


def of_all(y_true, y_pred, *, loss, miner, seed=None):
    """What is evaluated."""
    return getattr(reference, loss.name)(y_true, y_pred, **loss.settings)


CASES = {
    "Mined": Case(
        reference=mined,
        batch=embedding.batch,
        settings=(
            {"loss": losses.MultiSimilarity(beta=10.0), "miner": miners.MultiSimilarity(0.13)},
            {
                "loss": losses.SupCon(temperature=0.5),
                "miner": miners.BatchEasyHard("easy", "hard", distance="squared_euclidean"),
            },
        ),
        degenerate=embedding.edges(),
    ),
    # In evaluation all pairs count, and this miner takes all in training, too.
    "RandomlyMined": Case(
        reference=of_all,
        batch=embedding.batch,
        settings=({"loss": losses.SupCon(), "miner": miners.PairMargin(0.0, 1e9), "seed": 3},),
        degenerate=embedding.edges(),
    ),
}

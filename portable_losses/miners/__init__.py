"""Miners: which pairs of a batch a loss of embeddings should see, as masks of a fixed shape."""

from portable_losses import _backend as _backend  # first: it explains a missing backend
from portable_losses.miners._base import Miner as Miner
from portable_losses.miners._base import get as get
from portable_losses.miners._batch import BatchEasyHard as BatchEasyHard
from portable_losses.miners._batch import BatchHard as BatchHard
from portable_losses.miners._histogram import UniformHistogram as UniformHistogram
from portable_losses.miners._pairs import HDC as HDC
from portable_losses.miners._pairs import MultiSimilarity as MultiSimilarity
from portable_losses.miners._pairs import PairMargin as PairMargin
from portable_losses.miners._random import DistanceWeighted as DistanceWeighted
from portable_losses.miners._triplets import Angular as Angular
from portable_losses.miners._triplets import TripletMargin as TripletMargin

__all__ = [
    "HDC",
    "Angular",
    "BatchEasyHard",
    "BatchHard",
    "DistanceWeighted",
    "Miner",
    "MultiSimilarity",
    "PairMargin",
    "TripletMargin",
    "UniformHistogram",
    "get",
]

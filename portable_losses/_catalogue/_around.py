"""Losses around others: of chosen samples, with a memory, of parts, weighted."""

from portable_losses._catalogue._entry import Entry
from portable_losses._catalogue._papers import WU

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "Matryoshka",
        "matryoshka",
        "wrappers",
        "Kusupati, Bhatt, Rege, Wallingford, Sinha, Ramanujan, Howard-Snyder, Chen, Kakade, Jain "
        "and Farhadi, Matryoshka Representation Learning, NeurIPS 2022",
        peers={"sentence-transformers": "MatryoshkaLoss"},
    ),
    Entry("Masked", "masked", "wrappers"),
    Entry("WeightedSum", None, "wrappers", peers={"pml": "MultipleLosses"}, stateful=True),
    Entry("Mined", "mined", "mining"),
    Entry(
        "RandomlyMined",
        None,
        "mining",
        WU,
        peers={"pml": "DistanceWeightedMiner"},
        stateful=True,
    ),
    Entry(
        "CrossBatchMemory",
        None,
        "memory",
        "Wang, Zhang, Huang and Scott, Cross-Batch Memory for Embedding Learning, CVPR 2020",
        peers={"pml": "CrossBatchMemory"},
        stateful=True,
    ),
    Entry(
        "ClassBalanced",
        None,
        "memory",
        "Cui, Jia, Lin, Song and Belongie, Class-Balanced Loss Based on Effective Number of "
        "Samples, CVPR 2019",
        stateful=True,
    ),
)

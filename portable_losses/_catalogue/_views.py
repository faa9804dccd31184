"""Losses of two views of the same samples."""

from portable_losses._catalogue._entry import Entry
from portable_losses._catalogue._papers import CHEN

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "SimCLR",
        "simclr",
        "views",
        CHEN,
        peers={"pml": "SelfSupervisedLoss(NTXentLoss())", "optax": "ntxent"},
    ),
    Entry(
        "CLIP",
        "clip",
        "views",
        "Radford, Kim, Hallacy, Ramesh, Goh, Agarwal, Sastry, Askell, Mishkin, Clark, Krueger and "
        "Sutskever, Learning Transferable Visual Models From Natural Language Supervision, ICML "
        "2021",
        peers={"open_clip": "ClipLoss"},
    ),
    Entry(
        "SigLIP",
        "siglip",
        "views",
        "Zhai, Mustafa, Kolesnikov and Beyer, Sigmoid Loss for Language Image Pre-Training, ICCV "
        "2023",
        peers={"open_clip": "SigLipLoss"},
    ),
    Entry(
        "InBatchNegatives",
        "in_batch_negatives",
        "views",
        "Henderson, Al-Rfou, Strope, Sung, Lukacs, Guo, Kumar, Miklos and Kurzweil, Efficient "
        "Natural Language Response Suggestion for Smart Reply, arXiv:1705.00652, 2017",
        peers={"sentence-transformers": "MultipleNegativesRankingLoss"},
    ),
    Entry(
        "DynamicSoftMargin",
        "dynamic_soft_margin",
        "views",
        "Zhang and Rusinkiewicz, Learning Local Descriptors With a CDF-Based Dynamic Soft Margin, "
        "ICCV 2019",
        peers={"pml": "DynamicSoftMarginLoss"},
        stateful=True,
    ),
    Entry(
        "VICReg",
        "vicreg",
        "views",
        "Bardes, Ponce and LeCun, VICReg: Variance-Invariance-Covariance Regularization for "
        "Self-Supervised Learning, ICLR 2022",
        peers={"pml": "VICRegLoss"},
    ),
    Entry(
        "BarlowTwins",
        "barlow_twins",
        "views",
        "Zbontar, Jing, Misra, LeCun and Deny, Barlow Twins: Self-Supervised Learning via "
        "Redundancy Reduction, ICML 2021",
        peers={"monai": "BarlowTwinsLoss"},
    ),
    Entry(
        "SimSiam",
        "simsiam",
        "views",
        "Chen and He, Exploring Simple Siamese Representation Learning, CVPR 2021",
    ),
    Entry(
        "BYOL",
        "byol",
        "views",
        "Grill, Strub, Altché and others, Bootstrap Your Own Latent: A New Approach to "
        "Self-Supervised Learning, NeurIPS 2020",
    ),
    Entry(
        "DINO",
        "dino",
        "views",
        "Caron, Touvron, Misra, Jégou, Mairal, Bojanowski and Joulin, Emerging Properties in "
        "Self-Supervised Vision Transformers, ICCV 2021",
        stateful=True,
    ),
)

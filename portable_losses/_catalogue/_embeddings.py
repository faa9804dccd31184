"""Losses of the embeddings of a labelled batch, and of scored pairs."""

from portable_losses._catalogue._entry import Entry
from portable_losses._catalogue._papers import CHEN, WU

_HADSELL = (
    "Hadsell, Chopra and LeCun, Dimensionality Reduction by Learning an Invariant Mapping, "
    "CVPR 2006"
)
_HERMANS = (
    "Hermans, Beyer and Leibe, In Defense of the Triplet Loss for Person Re-Identification, "
    "arXiv:1703.07737, 2017"
)
_SOHN = "Sohn, Improved Deep Metric Learning with Multi-class N-pair Loss Objective, NIPS 2016"
_YU = "Yu and Tao, Deep Metric Learning with Tuplet Margin Loss, ICCV 2019"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "SupCon",
        "supcon",
        "embedding",
        "Khosla, Teterwak, Wang, Sarna, Tian, Isola, Maschinot, Liu and Krishnan, Supervised "
        "Contrastive Learning, NeurIPS 2020",
        peers={"pml": "SupConLoss"},
    ),
    Entry(
        "MultiSimilarity",
        "multi_similarity",
        "embedding",
        "Wang, Han, Huang, Dong and Scott, Multi-Similarity Loss with General Pair Weighting for "
        "Deep Metric Learning, CVPR 2019",
        peers={"pml": "MultiSimilarityLoss"},
    ),
    Entry("NTXent", "ntxent", "embedding", CHEN, peers={"pml": "NTXentLoss"}),
    Entry(
        "Circle",
        "circle",
        "embedding",
        "Sun, Cheng, Zhang, Zhang, Zheng, Wang and Wei, Circle Loss: A Unified Perspective of Pair "
        "Similarity Optimization, CVPR 2020",
        peers={"keras": "Circle", "pml": "CircleLoss"},
    ),
    Entry(
        "NPairs",
        "npairs",
        "embedding",
        _SOHN,
        peers={"tfa": "NpairsLoss", "pml": "NPairsLoss"},
    ),
    Entry(
        "LiftedStructure",
        "lifted_structure",
        "embedding",
        "Song, Xiang, Jegelka and Savarese, Deep Metric Learning via Lifted Structured Feature "
        "Embedding, CVPR 2016",
        peers={"tfa": "LiftedStructLoss", "pml": "LiftedStructureLoss"},
    ),
    Entry(
        "ContrastiveLabels",
        "contrastive_labels",
        "embedding",
        _HADSELL,
        peers={"pml": "ContrastiveLoss"},
    ),
    Entry(
        "MarginLoss",
        "margin_loss",
        "embedding",
        WU,
        peers={"pml": "MarginLoss"},
    ),
    Entry(
        "NCA",
        "nca",
        "embedding",
        "Goldberger, Roweis, Hinton and Salakhutdinov, Neighbourhood Components Analysis, NIPS "
        "2004",
        peers={"pml": "NCALoss"},
    ),
    Entry(
        "SoftNearestNeighbor",
        "soft_nearest_neighbor",
        "embedding",
        "Frosst, Papernot and Hinton, Analyzing and Improving Representations with the Soft "
        "Nearest Neighbor Loss, ICML 2019",
        peers={"tensorflow-similarity": "SoftNearestNeighborLoss"},
    ),
    Entry(
        "Angular",
        "angular",
        "embedding",
        "Wang, Zhou, Wen, Liu and Lin, Deep Metric Learning with Angular Loss, ICCV 2017",
        peers={"pml": "AngularLoss"},
    ),
    Entry(
        "GeneralizedLiftedStructure",
        "generalized_lifted_structure",
        "embedding",
        _HERMANS,
        peers={"pml": "GeneralizedLiftedStructureLoss"},
    ),
    Entry(
        "NPairsMultilabel",
        "npairs_multilabel",
        "embedding",
        _SOHN,
        peers={"tfa": "NpairsMultilabelLoss"},
    ),
    Entry("TupletMargin", "tuplet_margin", "embedding", _YU, peers={"pml": "TupletMarginLoss"}),
    Entry(
        "IntraPairVariance",
        "intra_pair_variance",
        "embedding",
        _YU,
        peers={"pml": "IntraPairVarianceLoss"},
    ),
    Entry(
        "SNRContrastive",
        "snr_contrastive",
        "embedding",
        "Yuan, Deng, Tang, Tang and Chen, Signal-to-Noise Ratio: A Robust Distance Metric for Deep "
        "Metric Learning, CVPR 2019",
        peers={"pml": "SignalToNoiseRatioContrastiveLoss"},
    ),
    Entry(
        "RankedList",
        "ranked_list",
        "embedding",
        "Wang, Hua, Kodirov, Hu, Garnier and Robertson, Ranked List Loss for Deep Metric Learning, "
        "CVPR 2019",
        peers={"pml": "RankedListLoss"},
    ),
    Entry(
        "ThresholdConsistentMargin",
        "threshold_consistent_margin",
        "embedding",
        "Zhang, Xu, Tang, Fang, Wu, Tighe and Xing, Threshold-Consistent Margin Loss for "
        "Open-World Deep Metric Learning, ICLR 2024",
        peers={"pml": "ThresholdConsistentMarginLoss"},
    ),
    Entry(
        "TrainedSettings",
        None,
        "embedding",
        peers={"open_clip": "logit_scale", "pml": "MarginLoss(learn_beta=True)"},
        stateful=True,
    ),
    Entry(
        "TripletSemiHard",
        "triplet_semi_hard",
        "triplet",
        "Schroff, Kalenichenko and Philbin, FaceNet: A Unified Embedding for Face Recognition and "
        "Clustering, CVPR 2015",
        peers={"tfa": "TripletSemiHardLoss"},
    ),
    Entry(
        "TripletHard",
        "triplet_hard",
        "triplet",
        _HERMANS,
        peers={"tfa": "TripletHardLoss", "pml": "TripletMarginLoss with BatchHardMiner"},
    ),
    Entry(
        "TripletBatchAll",
        "triplet_batch_all",
        "triplet",
        _HERMANS,
        peers={"pml": "TripletMarginLoss, also with TripletMarginMiner"},
    ),
    Entry(
        "TripletMargin",
        "triplet_margin",
        "triplet",
        "Weinberger and Saul, Distance Metric Learning for Large Margin Nearest Neighbor "
        "Classification, JMLR 2009",
        peers={"torch": "TripletMarginLoss"},
    ),
    Entry(
        "PNLoss",
        "pn_loss",
        "triplet",
        "Szubert, Cole, Monaco and Drozdov, Structure-preserving visualisation of high dimensional "
        "single-cell datasets, Scientific Reports, 2019",
        peers={"tensorflow-similarity": "PNLoss"},
    ),
    Entry(
        "Contrastive",
        "contrastive",
        "pairs",
        _HADSELL,
        peers={"tfa": "ContrastiveLoss"},
    ),
    Entry(
        "CoSENT",
        "cosent",
        "pairs",
        "Su, CoSENT: a more effective sentence embedding scheme than Sentence-BERT, "
        "kexue.fm/archives/8847, 2022",
        peers={"sentence-transformers": "CoSENTLoss"},
    ),
    Entry(
        "AnglE",
        "angle",
        "pairs",
        "Li and Li, AnglE-optimized Text Embeddings, ACL 2024",
        peers={"sentence-transformers": "AnglELoss"},
    ),
    Entry(
        "SmoothAP",
        "smooth_ap",
        "ranking",
        "Brown, Xie, Kalogeiton and Zisserman, Smooth-AP: Smoothing the Path Towards Large-Scale "
        "Image Retrieval, ECCV 2020",
        peers={"pml": "SmoothAPLoss"},
    ),
    Entry(
        "FastAP",
        "fast_ap",
        "ranking",
        "Cakir, He, Xia, Kulis and Sclaroff, Deep Metric Learning to Rank, CVPR 2019",
        peers={"pml": "FastAPLoss"},
    ),
    Entry(
        "PNP",
        "pnp",
        "ranking",
        "Li, Min, Song, Zhu, Kang, Wei, Wei and Jiang, Rethinking the Optimization of Average "
        "Precision: Only Penalizing Negative Instances before Positive Ones is Enough, AAAI 2022",
        peers={"pml": "PNPLoss"},
    ),
    Entry(
        "Histogram",
        "histogram",
        "ranking",
        "Ustinova and Lempitsky, Learning Deep Embeddings with Histogram Loss, NIPS 2016",
        peers={"pml": "HistogramLoss"},
    ),
)

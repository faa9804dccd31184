"""What exists: every public loss and metric, for the contract tests, the docs and the CLI."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Entry:
    """One loss or metric.

    Attributes:
        name: The pure function, or None where there is no per-sample function.
        cls: The class.
        family: The page of the documentation it stands on.
        paper: Authors, title, year; or "" for what no paper defines.
        peers: The same thing elsewhere, as `{"keras": "Huber", "torch": "HuberLoss"}`.
        stateful: Whether it is a `StatefulLoss`, to be given to `LossModel` or `LossEndpoint`.
        metric: Whether it is a metric.
    """

    cls: str
    name: str | None
    family: str
    paper: str = ""
    peers: dict[str, str] = field(default_factory=dict)
    stateful: bool = False
    metric: bool = False


_WEN = (
    "Wen, Zhang, Li and Qiao, A Discriminative Feature Learning Approach for Deep Face "
    "Recognition, ECCV 2016"
)
_HADSELL = (
    "Hadsell, Chopra and LeCun, Dimensionality Reduction by Learning an Invariant Mapping, "
    "CVPR 2006"
)

_GOOD = "Good, Rational Decisions, Journal of the Royal Statistical Society B, 1952"
_NELDER = "Nelder and Wedderburn, Generalized Linear Models, JRSS A, 1972"
_KULLBACK = "Kullback and Leibler, On Information and Sufficiency, Ann. Math. Stat., 1951"
_MYTTENAERE = (
    "De Myttenaere, Golden, Le Grand and Rossi, Mean Absolute Percentage Error for Regression "
    "Models, Neurocomputing, 2016"
)
_SALEH = (
    "Saleh and Saleh, Statistical Properties of the log-cosh Loss Function Used in Machine "
    "Learning, arXiv:2208.04564, 2022"
)
_HUBER = "Huber, Robust Estimation of a Location Parameter, Ann. Math. Stat., 1964"
_CORTES = "Cortes and Vapnik, Support-Vector Networks, Machine Learning, 1995"
_TANG = "Tang, Deep Learning using Linear Support Vector Machines, ICML workshop, 2013"
_CRAMMER = (
    "Crammer and Singer, On the Algorithmic Implementation of Multiclass Kernel-based Vector "
    "Machines, JMLR, 2001"
)

_DENG = (
    "Deng, Guo, Xue and Zafeiriou, ArcFace: Additive Angular Margin Loss for Deep Face "
    "Recognition, CVPR 2019"
)
_HERMANS = (
    "Hermans, Beyer and Leibe, In Defense of the Triplet Loss for Person Re-Identification, "
    "arXiv:1703.07737, 2017"
)
_CHEN = (
    "Chen, Kornblith, Norouzi and Hinton, A Simple Framework for Contrastive Learning of Visual "
    "Representations, ICML 2020"
)

_SOHN = "Sohn, Improved Deep Metric Learning with Multi-class N-pair Loss Objective, NIPS 2016"
_YU = "Yu and Tao, Deep Metric Learning with Tuplet Margin Loss, ICCV 2019"

CATALOGUE: tuple[Entry, ...] = (
    Entry("CenterLoss", "center_loss", "center", _WEN, stateful=True),
    Entry("SoftmaxCenterLoss", None, "center", _WEN, stateful=True),
    Entry("ArcFace", "arcface", "margin", _DENG, peers={"pml": "ArcFaceLoss"}, stateful=True),
    Entry(
        "Contrastive",
        "contrastive",
        "pairs",
        _HADSELL,
        peers={"tfa": "ContrastiveLoss"},
    ),
    Entry("WeightedSquaredError", "weighted_squared_error", "weighted"),
    Entry("WeightedRootError", "weighted_root_error", "weighted"),
    Entry(
        "CategoricalAccuracy",
        "categorical_accuracy",
        "metrics",
        peers={"keras": "CategoricalAccuracy", "sklearn": "accuracy_score"},
        metric=True,
    ),
    Entry("CategoricalTruePositives", None, "metrics", metric=True),
    Entry(
        "BinaryCrossentropy",
        "binary_crossentropy",
        "crossentropy",
        _GOOD,
        peers={
            "keras": "BinaryCrossentropy",
            "torch": "BCELoss, BCEWithLogitsLoss",
            "optax": "sigmoid_binary_cross_entropy",
        },
    ),
    Entry(
        "CategoricalCrossentropy",
        "categorical_crossentropy",
        "crossentropy",
        _GOOD,
        peers={
            "keras": "CategoricalCrossentropy",
            "torch": "CrossEntropyLoss",
            "optax": "softmax_cross_entropy",
        },
    ),
    Entry(
        "SparseCategoricalCrossentropy",
        "sparse_categorical_crossentropy",
        "crossentropy",
        _GOOD,
        peers={
            "keras": "SparseCategoricalCrossentropy",
            "torch": "CrossEntropyLoss, NLLLoss",
            "optax": "softmax_cross_entropy_with_integer_labels",
        },
    ),
    Entry(
        "Poisson",
        "poisson",
        "probabilistic",
        _NELDER,
        peers={"keras": "Poisson", "torch": "PoissonNLLLoss"},
    ),
    Entry(
        "KLDivergence",
        "kl_divergence",
        "probabilistic",
        _KULLBACK,
        peers={"keras": "KLDivergence", "torch": "KLDivLoss", "optax": "kl_divergence"},
    ),
    Entry(
        "MeanSquaredError",
        "mean_squared_error",
        "regression",
        peers={"keras": "MeanSquaredError", "torch": "MSELoss", "optax": "squared_error"},
    ),
    Entry("RootMeanSquaredError", "root_mean_squared_error", "regression"),
    Entry(
        "MeanAbsoluteError",
        "mean_absolute_error",
        "regression",
        peers={"keras": "MeanAbsoluteError", "torch": "L1Loss"},
    ),
    Entry(
        "MeanAbsolutePercentageError",
        "mean_absolute_percentage_error",
        "regression",
        _MYTTENAERE,
        peers={"keras": "MeanAbsolutePercentageError"},
    ),
    Entry(
        "MeanSquaredLogarithmicError",
        "mean_squared_logarithmic_error",
        "regression",
        peers={"keras": "MeanSquaredLogarithmicError"},
    ),
    Entry(
        "LogCosh", "log_cosh", "regression", _SALEH, peers={"keras": "LogCosh", "optax": "log_cosh"}
    ),
    Entry(
        "Huber",
        "huber",
        "regression",
        _HUBER,
        peers={"keras": "Huber", "torch": "HuberLoss", "optax": "huber_loss"},
    ),
    Entry(
        "CosineSimilarity",
        "cosine_similarity",
        "regression",
        peers={"keras": "CosineSimilarity", "optax": "cosine_distance"},
    ),
    Entry("ConfidencePenalizedSquaredError", "confidence_penalized_squared_error", "regression"),
    Entry("Hinge", "hinge", "hinge", _CORTES, peers={"keras": "Hinge", "optax": "hinge_loss"}),
    Entry("SquaredHinge", "squared_hinge", "hinge", _TANG, peers={"keras": "SquaredHinge"}),
    Entry(
        "CategoricalHinge",
        "categorical_hinge",
        "hinge",
        _CRAMMER,
        peers={"keras": "CategoricalHinge"},
    ),
    Entry(
        "SubCenterArcFace",
        "sub_center_arcface",
        "margin",
        "Deng, Guo, Liu, Gong and Zafeiriou, Sub-center ArcFace: Boosting Face Recognition by "
        "Large-Scale Noisy Web Faces, ECCV 2020",
        peers={"pml": "SubCenterArcFaceLoss"},
        stateful=True,
    ),
    Entry(
        "CosFace",
        "cosface",
        "margin",
        "Wang, Wang, Zhou, Ji, Gong, Zhou, Li and Liu, CosFace: Large Margin Cosine Loss for Deep "
        "Face Recognition, CVPR 2018",
        peers={"pml": "CosFaceLoss"},
        stateful=True,
    ),
    Entry(
        "NormalizedSoftmax",
        "normalized_softmax",
        "margin",
        "Zhai and Wu, Classification is a Strong Baseline for Deep Metric Learning, BMVC 2019",
        peers={"pml": "NormalizedSoftmaxLoss"},
        stateful=True,
    ),
    Entry(
        "P2SGrad",
        "p2sgrad",
        "margin",
        "Zhang, Zhao, Yan, Gao, Qiao, Wang and Li, P2SGrad: Refined Gradients for Optimizing Deep "
        "Face Models, CVPR 2019",
        peers={"pml": "P2SGradLoss"},
        stateful=True,
    ),
    Entry(
        "SphereFace",
        "sphereface",
        "margin",
        "Liu, Wen, Yu, Li, Raj and Song, SphereFace: Deep Hypersphere Embedding for Face "
        "Recognition, CVPR 2017",
        peers={"pml": "SphereFaceLoss"},
        stateful=True,
    ),
    Entry(
        "PartialFC",
        None,
        "partial",
        "An, Deng, Guo, Feng, Zhu, Yang and Liu, Killing Two Birds with One Stone: Efficient and "
        "Robust Training of Face Recognition CNNs by Partial FC, CVPR 2022",
        stateful=True,
    ),
    Entry(
        "AdaCos",
        "adacos",
        "adaptive",
        "Zhang, Zhao, Qiao, Wang and Li, AdaCos: Adaptively Scaling Cosine Logits for Effectively "
        "Learning Deep Face Representations, CVPR 2019",
        stateful=True,
    ),
    Entry(
        "CurricularFace",
        "curricularface",
        "adaptive",
        "Huang, Wang, Tai, Liu, Shen, Li, Li and Huang, CurricularFace: Adaptive Curriculum "
        "Learning Loss for Deep Face Recognition, CVPR 2020",
        stateful=True,
    ),
    Entry(
        "MagFace",
        "magface",
        "adaptive",
        "Meng, Zhao, Huang and Zhou, MagFace: A Universal Representation for Face Recognition and "
        "Quality Assessment, CVPR 2021",
        stateful=True,
    ),
    Entry(
        "AdaFace",
        "adaface",
        "adaptive",
        "Kim, Jain and Liu, AdaFace: Quality Adaptive Margin for Face Recognition, CVPR 2022",
        stateful=True,
    ),
    Entry(
        "ProxyNCA",
        "proxy_nca",
        "proxies",
        "Teh, DeVries and Taylor, ProxyNCA++: Revisiting and Revitalizing Proxy Neighborhood "
        "Component Analysis, ECCV 2020",
        peers={"pml": "ProxyNCALoss"},
        stateful=True,
    ),
    Entry(
        "ProxyAnchor",
        "proxy_anchor",
        "proxies",
        "Kim, Kim, Cho and Kwak, Proxy Anchor Loss for Deep Metric Learning, CVPR 2020",
        peers={"pml": "ProxyAnchorLoss"},
        stateful=True,
    ),
    Entry(
        "SoftTriple",
        "soft_triple",
        "proxies",
        "Qian, Shang, Sun, Hu, Li and Jin, SoftTriple Loss: Deep Metric Learning Without Triplet "
        "Sampling, ICCV 2019",
        peers={"pml": "SoftTripleLoss"},
        stateful=True,
    ),
    Entry(
        "InstanceLoss",
        "instance_loss",
        "proxies",
        "Zheng, Zheng, Garrett, Yang, Xu and Shen, Dual-Path Convolutional Image-Text Embeddings "
        "with Instance Loss, ACM TOMM 2020",
        peers={"pml": "InstanceLoss"},
        stateful=True,
    ),
    Entry(
        "TripletCenter",
        "triplet_center",
        "center",
        "He, Zhou, Zhou, Bai and Bai, Triplet-Center Loss for Multi-View 3D Object Retrieval, "
        "CVPR 2018",
        stateful=True,
    ),
    Entry(
        "ContrastiveCenter",
        "contrastive_center",
        "center",
        "Qi and Su, Contrastive-Center Loss for Deep Neural Networks, ICIP 2017",
        stateful=True,
    ),
    Entry(
        "IslandLoss",
        "island_loss",
        "center",
        "Cai, Meng, Khan, Li, O'Reilly and Tong, Island Loss for Learning Discriminative Features "
        "in Facial Expression Recognition, FG 2018",
        stateful=True,
    ),
    Entry(
        "RingLoss",
        "ring_loss",
        "center",
        "Zheng, Pal and Savvides, Ring Loss: Convex Feature Normalization for Face Recognition, "
        "CVPR 2018",
        stateful=True,
    ),
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
    Entry("NTXent", "ntxent", "embedding", _CHEN, peers={"pml": "NTXentLoss"}),
    Entry(
        "SimCLR",
        "simclr",
        "views",
        _CHEN,
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
    Entry("Mined", "mined", "mining"),
    Entry(
        "RandomlyMined",
        None,
        "mining",
        "Wu, Manmatha, Smola and Krähenbühl, Sampling Matters in Deep Embedding Learning, ICCV "
        "2017",
        peers={"pml": "DistanceWeightedMiner"},
        stateful=True,
    ),
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
        "MarginLoss",
        "margin_loss",
        "embedding",
        "Wu, Manmatha, Smola and Krähenbühl, Sampling Matters in Deep Embedding Learning, ICCV "
        "2017",
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
        "DynamicSoftMargin",
        "dynamic_soft_margin",
        "views",
        "Zhang and Rusinkiewicz, Learning Local Descriptors With a CDF-Based Dynamic Soft Margin, "
        "ICCV 2019",
        peers={"pml": "DynamicSoftMarginLoss"},
        stateful=True,
    ),
    Entry(
        "TrainedSettings",
        None,
        "embedding",
        peers={"open_clip": "logit_scale", "pml": "MarginLoss(learn_beta=True)"},
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
)

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

CATALOGUE: tuple[Entry, ...] = (
    Entry("CenterLoss", "center_loss", "center", _WEN, stateful=True),
    Entry("SoftmaxCenterLoss", None, "center", _WEN, stateful=True),
    Entry("ArcFace", "arcface", "margin", _DENG, peers={"pml": "ArcFaceLoss"}, stateful=True),
    Entry(
        "Contrastive",
        "contrastive",
        "pairs",
        _HADSELL,
        peers={"tfa": "ContrastiveLoss", "pml": "ContrastiveLoss"},
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
)

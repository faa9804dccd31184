"""Losses and metrics of predictions beside their targets."""

from portable_losses._catalogue._entry import Entry

_GOOD = "Good, Rational Decisions, Journal of the Royal Statistical Society B, 1952"

ENTRIES: tuple[Entry, ...] = (
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
        "Nelder and Wedderburn, Generalized Linear Models, JRSS A, 1972",
        peers={"keras": "Poisson", "torch": "PoissonNLLLoss"},
    ),
    Entry(
        "KLDivergence",
        "kl_divergence",
        "probabilistic",
        "Kullback and Leibler, On Information and Sufficiency, Ann. Math. Stat., 1951",
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
        "De Myttenaere, Golden, Le Grand and Rossi, Mean Absolute Percentage Error for Regression "
        "Models, Neurocomputing, 2016",
        peers={"keras": "MeanAbsolutePercentageError"},
    ),
    Entry(
        "MeanSquaredLogarithmicError",
        "mean_squared_logarithmic_error",
        "regression",
        peers={"keras": "MeanSquaredLogarithmicError"},
    ),
    Entry(
        "LogCosh",
        "log_cosh",
        "regression",
        "Saleh and Saleh, Statistical Properties of the log-cosh Loss Function Used in Machine "
        "Learning, arXiv:2208.04564, 2022",
        peers={"keras": "LogCosh", "optax": "log_cosh"},
    ),
    Entry(
        "Huber",
        "huber",
        "regression",
        "Huber, Robust Estimation of a Location Parameter, Ann. Math. Stat., 1964",
        peers={"keras": "Huber", "torch": "HuberLoss", "optax": "huber_loss"},
    ),
    Entry(
        "CosineSimilarity",
        "cosine_similarity",
        "regression",
        peers={"keras": "CosineSimilarity", "optax": "cosine_distance"},
    ),
    Entry("ConfidencePenalizedSquaredError", "confidence_penalized_squared_error", "regression"),
    Entry(
        "Hinge",
        "hinge",
        "hinge",
        "Cortes and Vapnik, Support-Vector Networks, Machine Learning, 1995",
        peers={"keras": "Hinge", "optax": "hinge_loss"},
    ),
    Entry(
        "SquaredHinge",
        "squared_hinge",
        "hinge",
        "Tang, Deep Learning using Linear Support Vector Machines, ICML workshop, 2013",
        peers={"keras": "SquaredHinge"},
    ),
    Entry(
        "CategoricalHinge",
        "categorical_hinge",
        "hinge",
        "Crammer and Singer, On the Algorithmic Implementation of Multiclass Kernel-based Vector "
        "Machines, JMLR, 2001",
        peers={"keras": "CategoricalHinge"},
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
)

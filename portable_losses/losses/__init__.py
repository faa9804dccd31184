"""Public losses: each as a pure function and as a class; losses with state as classes."""

from portable_losses import _backend as _backend  # first: it explains a missing backend
from portable_losses.losses._absolute_errors import Huber as Huber
from portable_losses.losses._absolute_errors import LogCosh as LogCosh
from portable_losses.losses._absolute_errors import MeanAbsoluteError as MeanAbsoluteError
from portable_losses.losses._absolute_errors import (
    MeanAbsolutePercentageError as MeanAbsolutePercentageError,
)
from portable_losses.losses._absolute_errors import huber as huber
from portable_losses.losses._absolute_errors import log_cosh as log_cosh
from portable_losses.losses._absolute_errors import mean_absolute_error as mean_absolute_error
from portable_losses.losses._absolute_errors import (
    mean_absolute_percentage_error as mean_absolute_percentage_error,
)
from portable_losses.losses._adaptive_margin import AdaCos as AdaCos
from portable_losses.losses._adaptive_margin import CurricularFace as CurricularFace
from portable_losses.losses._adaptive_margin import adacos as adacos
from portable_losses.losses._adaptive_margin import curricularface as curricularface
from portable_losses.losses._angular import Angular as Angular
from portable_losses.losses._angular import angular as angular
from portable_losses.losses._arcface import ArcFace as ArcFace
from portable_losses.losses._arcface import SubCenterArcFace as SubCenterArcFace
from portable_losses.losses._arcface import arcface as arcface
from portable_losses.losses._arcface import sub_center_arcface as sub_center_arcface
from portable_losses.losses._average_precision import PNP as PNP
from portable_losses.losses._average_precision import FastAP as FastAP
from portable_losses.losses._average_precision import SmoothAP as SmoothAP
from portable_losses.losses._average_precision import fast_ap as fast_ap
from portable_losses.losses._average_precision import pnp as pnp
from portable_losses.losses._average_precision import smooth_ap as smooth_ap
from portable_losses.losses._base import Loss as Loss
from portable_losses.losses._base import StatefulLoss as StatefulLoss
from portable_losses.losses._center import CenterLoss as CenterLoss
from portable_losses.losses._center import SoftmaxCenterLoss as SoftmaxCenterLoss
from portable_losses.losses._center import center_loss as center_loss
from portable_losses.losses._center_relatives import ContrastiveCenter as ContrastiveCenter
from portable_losses.losses._center_relatives import IslandLoss as IslandLoss
from portable_losses.losses._center_relatives import TripletCenter as TripletCenter
from portable_losses.losses._center_relatives import contrastive_center as contrastive_center
from portable_losses.losses._center_relatives import island_loss as island_loss
from portable_losses.losses._center_relatives import triplet_center as triplet_center
from portable_losses.losses._circle import Circle as Circle
from portable_losses.losses._circle import circle as circle
from portable_losses.losses._class_balanced import ClassBalanced as ClassBalanced
from portable_losses.losses._contrastive import Contrastive as Contrastive
from portable_losses.losses._contrastive import contrastive as contrastive
from portable_losses.losses._contrastive_labels import ContrastiveLabels as ContrastiveLabels
from portable_losses.losses._contrastive_labels import contrastive_labels as contrastive_labels
from portable_losses.losses._cosface import CosFace as CosFace
from portable_losses.losses._cosface import NormalizedSoftmax as NormalizedSoftmax
from portable_losses.losses._cosface import P2SGrad as P2SGrad
from portable_losses.losses._cosface import cosface as cosface
from portable_losses.losses._cosface import normalized_softmax as normalized_softmax
from portable_losses.losses._cosface import p2sgrad as p2sgrad
from portable_losses.losses._cosine_similarity import CosineSimilarity as CosineSimilarity
from portable_losses.losses._cosine_similarity import cosine_similarity as cosine_similarity
from portable_losses.losses._crossentropy import BinaryCrossentropy as BinaryCrossentropy
from portable_losses.losses._crossentropy import CategoricalCrossentropy as CategoricalCrossentropy
from portable_losses.losses._crossentropy import (
    SparseCategoricalCrossentropy as SparseCategoricalCrossentropy,
)
from portable_losses.losses._crossentropy import binary_crossentropy as binary_crossentropy
from portable_losses.losses._crossentropy import (
    categorical_crossentropy as categorical_crossentropy,
)
from portable_losses.losses._crossentropy import (
    sparse_categorical_crossentropy as sparse_categorical_crossentropy,
)
from portable_losses.losses._custom import as_loss as as_loss
from portable_losses.losses._dino import DINO as DINO
from portable_losses.losses._dino import dino as dino
from portable_losses.losses._dynamic_soft_margin import DynamicSoftMargin as DynamicSoftMargin
from portable_losses.losses._dynamic_soft_margin import dynamic_soft_margin as dynamic_soft_margin
from portable_losses.losses._factory import saved_factory as saved_factory
from portable_losses.losses._hinge import CategoricalHinge as CategoricalHinge
from portable_losses.losses._hinge import Hinge as Hinge
from portable_losses.losses._hinge import SquaredHinge as SquaredHinge
from portable_losses.losses._hinge import categorical_hinge as categorical_hinge
from portable_losses.losses._hinge import hinge as hinge
from portable_losses.losses._hinge import squared_hinge as squared_hinge
from portable_losses.losses._histogram import Histogram as Histogram
from portable_losses.losses._histogram import histogram as histogram
from portable_losses.losses._instance import InstanceLoss as InstanceLoss
from portable_losses.losses._instance import instance_loss as instance_loss
from portable_losses.losses._lifted import GeneralizedLiftedStructure as GeneralizedLiftedStructure
from portable_losses.losses._lifted import LiftedStructure as LiftedStructure
from portable_losses.losses._lifted import (
    generalized_lifted_structure as generalized_lifted_structure,
)
from portable_losses.losses._lifted import lifted_structure as lifted_structure
from portable_losses.losses._margin_loss import MarginLoss as MarginLoss
from portable_losses.losses._margin_loss import margin_loss as margin_loss
from portable_losses.losses._masked import Masked as Masked
from portable_losses.losses._masked import masked as masked
from portable_losses.losses._matryoshka import Matryoshka as Matryoshka
from portable_losses.losses._matryoshka import matryoshka as matryoshka
from portable_losses.losses._memory import CrossBatchMemory as CrossBatchMemory
from portable_losses.losses._mined import Mined as Mined
from portable_losses.losses._mined import RandomlyMined as RandomlyMined
from portable_losses.losses._mined import mined as mined
from portable_losses.losses._multi_similarity import MultiSimilarity as MultiSimilarity
from portable_losses.losses._multi_similarity import multi_similarity as multi_similarity
from portable_losses.losses._nca import NCA as NCA
from portable_losses.losses._nca import SoftNearestNeighbor as SoftNearestNeighbor
from portable_losses.losses._nca import nca as nca
from portable_losses.losses._nca import soft_nearest_neighbor as soft_nearest_neighbor
from portable_losses.losses._npairs import NPairs as NPairs
from portable_losses.losses._npairs import NPairsMultilabel as NPairsMultilabel
from portable_losses.losses._npairs import npairs as npairs
from portable_losses.losses._npairs import npairs_multilabel as npairs_multilabel
from portable_losses.losses._ntxent import NTXent as NTXent
from portable_losses.losses._ntxent import SimCLR as SimCLR
from portable_losses.losses._ntxent import ntxent as ntxent
from portable_losses.losses._ntxent import simclr as simclr
from portable_losses.losses._partial import PartialFC as PartialFC
from portable_losses.losses._pn import PNLoss as PNLoss
from portable_losses.losses._pn import pn_loss as pn_loss
from portable_losses.losses._probabilistic import KLDivergence as KLDivergence
from portable_losses.losses._probabilistic import Poisson as Poisson
from portable_losses.losses._probabilistic import kl_divergence as kl_divergence
from portable_losses.losses._probabilistic import poisson as poisson
from portable_losses.losses._proxies import ProxyLoss as ProxyLoss
from portable_losses.losses._proxy_anchor import ProxyAnchor as ProxyAnchor
from portable_losses.losses._proxy_anchor import proxy_anchor as proxy_anchor
from portable_losses.losses._proxy_nca import ProxyNCA as ProxyNCA
from portable_losses.losses._proxy_nca import proxy_nca as proxy_nca
from portable_losses.losses._quality_margin import AdaFace as AdaFace
from portable_losses.losses._quality_margin import MagFace as MagFace
from portable_losses.losses._quality_margin import adaface as adaface
from portable_losses.losses._quality_margin import magface as magface
from portable_losses.losses._ranked_list import RankedList as RankedList
from portable_losses.losses._ranked_list import ranked_list as ranked_list
from portable_losses.losses._redundancy import BarlowTwins as BarlowTwins
from portable_losses.losses._redundancy import VICReg as VICReg
from portable_losses.losses._redundancy import barlow_twins as barlow_twins
from portable_losses.losses._redundancy import vicreg as vicreg
from portable_losses.losses._registry import get as get
from portable_losses.losses._ring import RingLoss as RingLoss
from portable_losses.losses._ring import ring_loss as ring_loss
from portable_losses.losses._scored_pairs import AnglE as AnglE
from portable_losses.losses._scored_pairs import CoSENT as CoSENT
from portable_losses.losses._scored_pairs import angle as angle
from portable_losses.losses._scored_pairs import cosent as cosent
from portable_losses.losses._self_distillation import BYOL as BYOL
from portable_losses.losses._self_distillation import SimSiam as SimSiam
from portable_losses.losses._self_distillation import byol as byol
from portable_losses.losses._self_distillation import simsiam as simsiam
from portable_losses.losses._snr import SNRContrastive as SNRContrastive
from portable_losses.losses._snr import snr_contrastive as snr_contrastive
from portable_losses.losses._soft_triple import SoftTriple as SoftTriple
from portable_losses.losses._soft_triple import soft_triple as soft_triple
from portable_losses.losses._sphereface import SphereFace as SphereFace
from portable_losses.losses._sphereface import sphereface as sphereface
from portable_losses.losses._squared_errors import (
    ConfidencePenalizedSquaredError as ConfidencePenalizedSquaredError,
)
from portable_losses.losses._squared_errors import MeanSquaredError as MeanSquaredError
from portable_losses.losses._squared_errors import (
    MeanSquaredLogarithmicError as MeanSquaredLogarithmicError,
)
from portable_losses.losses._squared_errors import RootMeanSquaredError as RootMeanSquaredError
from portable_losses.losses._squared_errors import (
    confidence_penalized_squared_error as confidence_penalized_squared_error,
)
from portable_losses.losses._squared_errors import mean_squared_error as mean_squared_error
from portable_losses.losses._squared_errors import (
    mean_squared_logarithmic_error as mean_squared_logarithmic_error,
)
from portable_losses.losses._squared_errors import (
    root_mean_squared_error as root_mean_squared_error,
)
from portable_losses.losses._supcon import SupCon as SupCon
from portable_losses.losses._supcon import supcon as supcon
from portable_losses.losses._threshold_consistent import (
    ThresholdConsistentMargin as ThresholdConsistentMargin,
)
from portable_losses.losses._threshold_consistent import (
    threshold_consistent_margin as threshold_consistent_margin,
)
from portable_losses.losses._trained import TrainedSettings as TrainedSettings
from portable_losses.losses._triplet import TripletBatchAll as TripletBatchAll
from portable_losses.losses._triplet import TripletHard as TripletHard
from portable_losses.losses._triplet import TripletSemiHard as TripletSemiHard
from portable_losses.losses._triplet import triplet_batch_all as triplet_batch_all
from portable_losses.losses._triplet import triplet_hard as triplet_hard
from portable_losses.losses._triplet import triplet_semi_hard as triplet_semi_hard
from portable_losses.losses._triplet_margin import TripletMargin as TripletMargin
from portable_losses.losses._triplet_margin import triplet_margin as triplet_margin
from portable_losses.losses._tuplet import IntraPairVariance as IntraPairVariance
from portable_losses.losses._tuplet import TupletMargin as TupletMargin
from portable_losses.losses._tuplet import intra_pair_variance as intra_pair_variance
from portable_losses.losses._tuplet import tuplet_margin as tuplet_margin
from portable_losses.losses._two_views import CLIP as CLIP
from portable_losses.losses._two_views import InBatchNegatives as InBatchNegatives
from portable_losses.losses._two_views import SigLIP as SigLIP
from portable_losses.losses._two_views import clip as clip
from portable_losses.losses._two_views import in_batch_negatives as in_batch_negatives
from portable_losses.losses._two_views import siglip as siglip
from portable_losses.losses._weighted import WeightedRootError as WeightedRootError
from portable_losses.losses._weighted import WeightedSquaredError as WeightedSquaredError
from portable_losses.losses._weighted import weighted_root_error as weighted_root_error
from portable_losses.losses._weighted import weighted_squared_error as weighted_squared_error
from portable_losses.losses._weighted_sum import WeightedSum as WeightedSum

__all__ = [
    "BYOL",
    "CLIP",
    "DINO",
    "NCA",
    "PNP",
    "AdaCos",
    "AdaFace",
    "AnglE",
    "Angular",
    "ArcFace",
    "BarlowTwins",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CenterLoss",
    "Circle",
    "ClassBalanced",
    "CoSENT",
    "ConfidencePenalizedSquaredError",
    "Contrastive",
    "ContrastiveCenter",
    "ContrastiveLabels",
    "CosFace",
    "CosineSimilarity",
    "CrossBatchMemory",
    "CurricularFace",
    "DynamicSoftMargin",
    "FastAP",
    "GeneralizedLiftedStructure",
    "Hinge",
    "Histogram",
    "Huber",
    "InBatchNegatives",
    "InstanceLoss",
    "IntraPairVariance",
    "IslandLoss",
    "KLDivergence",
    "LiftedStructure",
    "LogCosh",
    "Loss",
    "MagFace",
    "MarginLoss",
    "Masked",
    "Matryoshka",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Mined",
    "MultiSimilarity",
    "NPairs",
    "NPairsMultilabel",
    "NTXent",
    "NormalizedSoftmax",
    "P2SGrad",
    "PNLoss",
    "PartialFC",
    "Poisson",
    "ProxyAnchor",
    "ProxyLoss",
    "ProxyNCA",
    "RandomlyMined",
    "RankedList",
    "RingLoss",
    "RootMeanSquaredError",
    "SNRContrastive",
    "SigLIP",
    "SimCLR",
    "SimSiam",
    "SmoothAP",
    "SoftNearestNeighbor",
    "SoftTriple",
    "SoftmaxCenterLoss",
    "SparseCategoricalCrossentropy",
    "SphereFace",
    "SquaredHinge",
    "StatefulLoss",
    "SubCenterArcFace",
    "SupCon",
    "ThresholdConsistentMargin",
    "TrainedSettings",
    "TripletBatchAll",
    "TripletCenter",
    "TripletHard",
    "TripletMargin",
    "TripletSemiHard",
    "TupletMargin",
    "VICReg",
    "WeightedRootError",
    "WeightedSquaredError",
    "WeightedSum",
    "adacos",
    "adaface",
    "angle",
    "angular",
    "arcface",
    "as_loss",
    "barlow_twins",
    "binary_crossentropy",
    "byol",
    "categorical_crossentropy",
    "categorical_hinge",
    "center_loss",
    "circle",
    "clip",
    "confidence_penalized_squared_error",
    "contrastive",
    "contrastive_center",
    "contrastive_labels",
    "cosent",
    "cosface",
    "cosine_similarity",
    "curricularface",
    "dino",
    "dynamic_soft_margin",
    "fast_ap",
    "generalized_lifted_structure",
    "get",
    "hinge",
    "histogram",
    "huber",
    "in_batch_negatives",
    "instance_loss",
    "intra_pair_variance",
    "island_loss",
    "kl_divergence",
    "lifted_structure",
    "log_cosh",
    "magface",
    "margin_loss",
    "masked",
    "matryoshka",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mined",
    "multi_similarity",
    "nca",
    "normalized_softmax",
    "npairs",
    "npairs_multilabel",
    "ntxent",
    "p2sgrad",
    "pn_loss",
    "pnp",
    "poisson",
    "proxy_anchor",
    "proxy_nca",
    "ranked_list",
    "ring_loss",
    "root_mean_squared_error",
    "saved_factory",
    "siglip",
    "simclr",
    "simsiam",
    "smooth_ap",
    "snr_contrastive",
    "soft_nearest_neighbor",
    "soft_triple",
    "sparse_categorical_crossentropy",
    "sphereface",
    "squared_hinge",
    "sub_center_arcface",
    "supcon",
    "threshold_consistent_margin",
    "triplet_batch_all",
    "triplet_center",
    "triplet_hard",
    "triplet_margin",
    "triplet_semi_hard",
    "tuplet_margin",
    "vicreg",
    "weighted_root_error",
    "weighted_squared_error",
]

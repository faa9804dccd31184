"""Papers of losses that stand in more than one module."""

CHEN = (
    "Chen, Kornblith, Norouzi and Hinton, A Simple Framework for Contrastive Learning of Visual "
    "Representations, ICML 2020"
)
WU = "Wu, Manmatha, Smola and Krähenbühl, Sampling Matters in Deep Embedding Learning, ICCV 2017"

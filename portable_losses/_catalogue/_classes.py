"""Losses that learn for each class: a center, a proxy, a row of logits."""

from portable_losses._catalogue._entry import Entry

_WEN = (
    "Wen, Zhang, Li and Qiao, A Discriminative Feature Learning Approach for Deep Face "
    "Recognition, ECCV 2016"
)

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "ArcFace",
        "arcface",
        "margin",
        "Deng, Guo, Xue and Zafeiriou, ArcFace: Additive Angular Margin Loss for Deep Face "
        "Recognition, CVPR 2019",
        peers={"pml": "ArcFaceLoss"},
        stateful=True,
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
    Entry("CenterLoss", "center_loss", "center", _WEN, stateful=True),
    Entry("SoftmaxCenterLoss", None, "center", _WEN, stateful=True),
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
)

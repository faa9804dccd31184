"""The center loss of Wen et al. 2016, one sample at a time in float64.

Y. Wen, K. Zhang, Z. Li and Y. Qiao, "A Discriminative Feature Learning Approach for Deep Face
Recognition", ECCV 2016: equation 2 (loss) and equations 3 and 4 (update of the centers), with two
other update rules in use. Imports NumPy alone.
"""

import numpy as np


def center_loss(labels, features, centers):
    """Half the squared distance of each feature to the center of its class; the paper sums them."""
    features, centers = np.asarray(features, "float64"), np.asarray(centers, "float64")
    values = []
    for label, feature in zip(np.ravel(labels), features, strict=True):
        total = 0.0
        for x, c in zip(feature, centers[label], strict=True):
            total += (x - c) ** 2
        values.append(total / 2)
    return np.array(values)


def center_update(labels, features, centers, alpha, rule="count"):
    """The centers after one batch; every rule reads the centers as they were before it.

    "count" is the paper's: alpha times the summed differences over one plus the class's count.
    "sum" divides by nothing and its alpha is what a center keeps (facenet): the step is 1 - alpha.
    "mean" is alpha times the mean difference. A class absent from the batch keeps its center.
    """
    features, before = np.asarray(features, "float64"), np.array(centers, "float64")
    members = {}
    for label, feature in zip(np.ravel(labels), features, strict=True):
        members.setdefault(int(label), []).append(feature)
    after = before.copy()
    for label, own in members.items():
        difference = np.zeros_like(before[label])
        for feature in own:
            difference += before[label] - feature
        if rule == "count":
            after[label] -= alpha * difference / (1 + len(own))
        elif rule == "sum":
            after[label] -= (1 - alpha) * difference
        elif rule == "mean":
            after[label] -= alpha * difference / len(own)
        else:
            raise ValueError(f"rule must be 'count', 'sum' or 'mean'; got {rule!r}")
    return after


def softmax_cross_entropy(labels, logits):
    """Minus the log of the softmax at each sample's integer label."""
    values = []
    for label, row in zip(np.ravel(labels), np.asarray(logits, "float64"), strict=True):
        top = row.max()  # softmax does not change when all logits move together
        values.append(top + np.log(sum(np.exp(x - top) for x in row)) - row[label])
    return np.array(values)


def half_squared_distance(x, c):
    return sum((a - b) ** 2 for a, b in zip(x, c, strict=True)) / 2


def triplet_center(labels, features, centers, margin=5.0):
    """X. He et al., "Triplet-Center Loss for Multi-View 3D Object Retrieval", CVPR 2018: the
    hinge between the own center and the nearest other one. With one class it is 0."""
    values = []
    for label, x in zip(np.ravel(labels), features, strict=True):
        distances = [half_squared_distance(x, c) for c in centers]
        others = [d for j, d in enumerate(distances) if j != label]
        values.append(max(distances[label] + margin - min(others), 0.0) if others else 0.0)
    return np.array(values)


def contrastive_center(labels, features, centers, delta=1.0):
    """C. Qi and F. Su, "Contrastive-Center Loss for Deep Neural Networks", ICIP 2017: one ratio
    for each sample."""
    values = []
    for label, x in zip(np.ravel(labels), features, strict=True):
        distances = [2 * half_squared_distance(x, c) for c in centers]
        others = sum(d for j, d in enumerate(distances) if j != label)
        values.append(distances[label] / (others + delta) / 2)
    return np.array(values)


def cosine(a, b):
    """0 for a zero vector."""
    lengths = np.sqrt(sum(x * x for x in a)) * np.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0


def island_loss(labels, features, centers, weight=10.0):
    """J. Cai et al., "Island Loss for Learning Discriminative Features in Facial Expression
    Recognition", FG 2018: center loss, and every ordered pair of centers."""
    pairs = 0.0
    for j, a in enumerate(centers):
        for k, b in enumerate(centers):
            if j != k:
                pairs += cosine(a, b) + 1
    return center_loss(labels, features, centers) + weight * pairs


def island_update(labels, features, centers, alpha=0.5, weight=10.0):
    """Its centers after one batch, pair by pair."""
    before = np.array(centers, "float64")
    after = center_update(labels, features, before, alpha)
    for j, a in enumerate(before):
        for k, b in enumerate(before):
            la, lb = np.sqrt(np.sum(a * a)), np.sqrt(np.sum(b * b))
            if j != k and la and lb:
                slope = b / (la * lb) - np.sum(a * b) / (la**3 * lb) * a
                after[j] -= alpha * weight / (len(before) - 1) * slope
    return after


def ring_loss(features, radius, weight=1.0):
    """Y. Zheng, D. K. Pal and M. Savvides, "Ring Loss: Convex Feature Normalization for Face
    Recognition", CVPR 2018, equation 3, which takes the mean of these."""
    lengths = [np.sqrt(sum(a * a for a in x)) for x in features]
    return np.array([weight / 2 * (length - radius) ** 2 for length in lengths])

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

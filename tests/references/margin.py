"""Margin heads, one sample and one class at a time in float64, with arccos, from the papers."""

import numpy as np


def angle(x, w):
    """Between two vectors; a right angle to a zero vector."""
    lengths = np.sqrt(sum(a * a for a in x)) * np.sqrt(sum(b * b for b in w))
    if lengths == 0:
        return np.pi / 2
    return np.arccos(np.clip(sum(a * b for a, b in zip(x, w, strict=True)) / lengths, -1, 1))


def cross_entropy(logits, label):
    top = max(logits)
    return top + np.log(sum(np.exp(logit - top) for logit in logits)) - logits[label]


def arcface(y_true, y_pred, proxies, margin=0.5, scale=64.0):
    """J. Deng et al., CVPR 2019, equation 3; past π − m as the authors' code has it."""
    values = []
    for label, x in zip(np.ravel(y_true), y_pred, strict=True):
        thetas = [angle(x, w) for w in proxies]
        logits = [scale * np.cos(theta) for theta in thetas]
        own = thetas[label]
        if own < np.pi - margin:
            logits[label] = scale * np.cos(own + margin)
        else:
            logits[label] = scale * (np.cos(own) - margin * np.sin(margin))
        values.append(cross_entropy(logits, label))
    return np.array(values)


def sub_center_arcface(y_true, y_pred, proxies, sub_centers=3, margin=0.5, scale=64.0):
    """J. Deng et al., ECCV 2020: ArcFace over the smallest angle to the sub-centers of a class."""
    values = []
    for label, x in zip(np.ravel(y_true), y_pred, strict=True):
        thetas = []
        for start in range(0, len(proxies), sub_centers):
            thetas.append(min(angle(x, w) for w in proxies[start : start + sub_centers]))
        logits = [scale * np.cos(theta) for theta in thetas]
        own = thetas[label]
        if own < np.pi - margin:
            logits[label] = scale * np.cos(own + margin)
        else:
            logits[label] = scale * (np.cos(own) - margin * np.sin(margin))
        values.append(cross_entropy(logits, label))
    return np.array(values)


def outliers(y_true, y_pred, proxies, sub_centers, threshold):
    """J. Deng et al., ECCV 2020: too far from the sub-center most samples go to."""
    chosen = {}
    for label in set(y_true):
        own = proxies[label * sub_centers : (label + 1) * sub_centers]
        nearest = [
            int(np.argmin([angle(x, w) for w in own]))
            for x, y in zip(y_pred, y_true, strict=True)
            if y == label
        ]
        chosen[label] = own[max(range(sub_centers), key=nearest.count)]
    return [angle(x, chosen[y]) > threshold for x, y in zip(y_pred, y_true, strict=True)]


def cosface(y_true, y_pred, proxies, margin=0.35, scale=64.0):
    """H. Wang et al., CVPR 2018, equation 4."""
    values = []
    for label, x in zip(np.ravel(y_true), y_pred, strict=True):
        logits = [scale * np.cos(angle(x, w)) for w in proxies]
        logits[label] -= scale * margin
        values.append(cross_entropy(logits, label))
    return np.array(values)


def normalized_softmax(y_true, y_pred, proxies, temperature=0.05):
    """A. Zhai and H.-Y. Wu, BMVC 2019: softmax with a temperature over cosines."""
    values = []
    for label, x in zip(np.ravel(y_true), y_pred, strict=True):
        values.append(cross_entropy([np.cos(angle(x, w)) / temperature for w in proxies], label))
    return np.array(values)


def p2sgrad(y_true, y_pred, proxies):
    """X. Zhang et al., CVPR 2019, as the mean square whose gradient has the form of equation 11."""
    values = []
    for label, x in zip(np.ravel(y_true), y_pred, strict=True):
        errors = [np.cos(angle(x, w)) - (j == label) for j, w in enumerate(proxies)]
        values.append(sum(e * e for e in errors) / len(errors))
    return np.array(values)


def sphereface(y_true, y_pred, proxies, margin=4, scale=1.0):
    """W. Liu et al., CVPR 2017, equation 7."""
    values = []
    for label, x in zip(np.ravel(y_true), y_pred, strict=True):
        length = scale * np.sqrt(sum(a * a for a in x))
        thetas = [angle(x, w) for w in proxies]
        logits = [length * np.cos(theta) for theta in thetas]
        k = min(int(thetas[label] * margin / np.pi), margin - 1)
        logits[label] = length * ((-1) ** k * np.cos(margin * thetas[label]) - 2 * k)
        values.append(cross_entropy(logits, label))
    return np.array(values)

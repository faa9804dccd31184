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

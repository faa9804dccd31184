"""Proxy losses, one sample and one proxy at a time in float64, from the papers."""

import numpy as np


def unit(x):
    """Of length 1; a zero vector stays zero."""
    length = np.sqrt(sum(a * a for a in x))
    return x / length if length > 0 else x


def dot(x, w):
    return sum(a * b for a, b in zip(x, w, strict=True))


def cosine(x, w):
    return dot(unit(x), unit(w))


def log_sum_exp(terms):
    top = max(terms)
    return top + np.log(sum(np.exp(term - top) for term in terms))


def cross_entropy(logits, label):
    return log_sum_exp(logits) - logits[label]


def proxy_nca(y_true, y_pred, proxies, temperature=1 / 9, denominator="all"):
    """E. W. Teh et al., ECCV 2020; with the own proxy left out, Y. Movshovitz-Attias et al., ICCV
    2017."""
    values = []
    for label, x in zip(np.ravel(y_true), y_pred, strict=True):
        distances = [sum((unit(x) - unit(p)) ** 2) for p in proxies]
        scores = [-distance / temperature for distance in distances]
        among = [s for a, s in enumerate(scores) if denominator == "all" or a != label]
        values.append(log_sum_exp(among) - scores[label])
    return np.array(values)


def proxy_anchor_scalar(y_true, y_pred, proxies, margin=0.1, alpha=32.0):
    """S. Kim et al., CVPR 2020."""
    labels = np.ravel(y_true)
    pull, push = [], []
    for c, proxy in enumerate(proxies):
        near = [-alpha * (cosine(x, proxy) - margin) for x in y_pred[labels == c]]
        far = [alpha * (cosine(x, proxy) + margin) for x in y_pred[labels != c]]
        if near:
            pull.append(log_sum_exp([0.0, *near]))
        push.append(log_sum_exp([0.0, *far]))
    return sum(pull) / max(len(pull), 1) + sum(push) / len(proxies)


def proxy_anchor(y_true, y_pred, proxies, margin=0.1, alpha=32.0, mask=None):
    """The terms of the same, each dealt out in equal parts to the samples that are in its sum."""
    labels = np.ravel(y_true)
    kept = [i for i in range(len(labels)) if mask is None or mask[i]]
    present = {labels[i] for i in kept}
    values = np.zeros(len(labels))
    for c, proxy in enumerate(proxies):
        own = [i for i in kept if labels[i] == c]
        others = [i for i in kept if labels[i] != c]
        near = [-alpha * (cosine(y_pred[i], proxy) - margin) for i in own]
        far = [alpha * (cosine(y_pred[i], proxy) + margin) for i in others]
        for i in own:
            values[i] += len(kept) / len(present) * log_sum_exp([0.0, *near]) / len(own)
        for i in others:
            values[i] += len(kept) / len(proxies) * log_sum_exp([0.0, *far]) / len(others)
    return values


def soft_triple(
    y_true, y_pred, proxies, centers_per_class=10, la=20.0, gamma=0.1, margin=0.01, tau=0.2
):
    """Q. Qian et al., ICCV 2019: the loss, and the regulariser of the objective."""
    k = centers_per_class
    classes = [proxies[start : start + k] for start in range(0, len(proxies), k)]
    regulariser = 0.0
    for centers in classes:
        for s in range(k):
            for t in range(s + 1, k):
                squared = sum((unit(centers[s]) - unit(centers[t])) ** 2)
                regulariser += np.sqrt(squared) / (len(classes) * k * (k - 1))
    values = []
    for label, x in zip(np.ravel(y_true), y_pred, strict=True):
        logits = []
        for c, centers in enumerate(classes):
            cosines = [cosine(x, center) for center in centers]
            weights = [np.exp(one / gamma) for one in cosines]
            similarity = dot(weights, cosines) / sum(weights)
            logits.append(la * (similarity - margin * (c == label)))
        values.append(cross_entropy(logits, label) + tau * regulariser)
    return np.array(values)


def instance_loss(y_true, y_pred, proxies, gamma=None):
    """Z. Zheng et al., ACM TOMM 2020: a linear classifier; with gamma, cosines."""
    values = []
    for label, x in zip(np.ravel(y_true), y_pred, strict=True):
        if gamma is None:
            logits = [dot(x, w) for w in proxies]
        else:
            logits = [gamma * cosine(x, w) for w in proxies]
        values.append(cross_entropy(logits, label))
    return np.array(values)

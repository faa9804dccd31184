"""Adaptive margin heads, one sample and one class at a time in float64, from the papers.

What a training step does to their state is here as well.
"""

import numpy as np

from tests.references.margin import angle, cross_entropy


def rows(y_true, y_pred, proxies):
    """Label, length and angles to all proxies of each sample."""
    y_pred, proxies = np.asarray(y_pred, "float64"), np.asarray(proxies, "float64")
    for label, x in zip(np.ravel(y_true), y_pred, strict=True):
        yield label, np.linalg.norm(x), np.array([angle(x, w) for w in proxies])


def adacos(y_true, y_pred, proxies, scale):
    """X. Zhang et al., CVPR 2019: softmax of scaled cosines, for a given scale."""
    return np.array(
        [
            cross_entropy(scale * np.cos(thetas), label)
            for label, _, thetas in rows(y_true, y_pred, proxies)
        ]
    )


def adacos_start(classes):
    """The fixed scale, where the dynamic one starts; held to log 2."""
    return max(np.sqrt(2) * np.log(classes - 1), np.log(2)) if classes > 1 else np.log(2)


def adacos_step(y_true, y_pred, proxies, counted, scale):
    """The dynamic scale of the next step; held to [log 2, 100]."""
    total, own = 0.0, []
    for (label, _, thetas), counts in zip(rows(y_true, y_pred, proxies), counted, strict=True):
        if counts:
            own.append(thetas[label])
            total += sum(np.exp(scale * np.cos(t)) for j, t in enumerate(thetas) if j != label)
    if not own:
        return scale
    if total == 0:  # one class
        return np.log(2)
    found = np.log(total / len(own)) / np.cos(min(np.pi / 4, np.median(own)))
    return min(max(found, np.log(2)), 100.0)


def curricularface(y_true, y_pred, proxies, t, margin=0.5, scale=64.0):
    """Y. Huang et al., CVPR 2020, for a given t; past π − m as the authors' code has it."""
    values = []
    for label, _, thetas in rows(y_true, y_pred, proxies):
        own, logits = thetas[label], []
        for cosine in np.cos(thetas):
            hard = cosine > np.cos(own + margin)
            logits.append(cosine * (t + cosine) if hard else cosine)
        if own < np.pi - margin:
            logits[label] = np.cos(own + margin)
        else:
            logits[label] = np.cos(own) - margin * np.sin(margin)
        values.append(cross_entropy(scale * np.array(logits), label))
    return np.array(values)


def curricularface_step(y_true, y_pred, proxies, counted, t, momentum=0.01):
    """Equation 9, with the momentum of the authors' code."""
    samples = rows(y_true, y_pred, proxies)
    own = [
        np.cos(thetas[label])
        for (label, _, thetas), counts in zip(samples, counted, strict=True)
        if counts
    ]
    return (1 - momentum) * t + momentum * np.mean(own) if own else t


def magface(
    y_true,
    y_pred,
    proxies,
    l_a=10.0,
    u_a=110.0,
    l_m=0.45,
    u_m=0.8,
    lambda_g=35.0,
    scale=64.0,
    easy_margin=False,
):
    """Q. Meng et al., CVPR 2021, with its linear m and its g; past π − m, or a right angle, as the
    authors' code has it."""
    values = []
    for label, length, thetas in rows(y_true, y_pred, proxies):
        a = min(max(length, l_a), u_a)
        m = (u_m - l_m) / (u_a - l_a) * (a - l_a) + l_m
        own, logits = thetas[label], np.cos(thetas)
        if easy_margin:
            logits[label] = np.cos(own + m) if np.cos(own) > 0 else np.cos(own)
        else:
            logits[label] = np.cos(own + m) if own < np.pi - m else np.cos(own) - m * np.sin(m)
        values.append(cross_entropy(scale * logits, label) + lambda_g * (1 / a + a / u_a**2))
    return np.array(values)


def adaface(
    y_true,
    y_pred,
    proxies,
    norm_mean,
    norm_std,
    margin=0.4,
    h=0.333,
    scale=64.0,
    lengths=None,
):
    """M. Kim et al., CVPR 2022, with the bounds and the ε of the authors' code.

    `lengths` may be given apart from the embeddings: the paper lets no gradient through them.
    """
    eps, values = 1e-3, []
    for i, (label, length, thetas) in enumerate(rows(y_true, y_pred, proxies)):
        length = min(max(length if lengths is None else lengths[i], 1e-3), 100.0)
        quality = min(max((length - norm_mean) / (norm_std + eps) * h, -1), 1)
        logits = np.cos(thetas)
        g_angle, g_add = -margin * quality, margin * quality + margin
        held = min(max(thetas[label] + g_angle, eps), np.pi - eps)
        logits[label] = np.cos(held) - g_add
        values.append(cross_entropy(scale * logits, label))
    return np.array(values)


def adaface_step(y_pred, counted, norm_mean, norm_std, t_alpha=0.01):
    """Running means, with the alpha of the authors' code; std over N − 1 as torch's."""
    lengths = [
        min(max(np.linalg.norm(x), 1e-3), 100.0)
        for x, counts in zip(np.asarray(y_pred, "float64"), counted, strict=True)
        if counts
    ]
    if lengths:
        norm_mean = t_alpha * np.mean(lengths) + (1 - t_alpha) * norm_mean
    if len(lengths) > 1:
        norm_std = t_alpha * np.std(lengths, ddof=1) + (1 - t_alpha) * norm_std
    return norm_mean, norm_std

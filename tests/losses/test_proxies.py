"""What the contract suite does not say of proxy losses."""

import numpy as np
import pytest
from keras import ops

from portable_losses import losses
from tests import autodiff
from tests.references import proxies as reference

CLASSES, DIM = 4, 3
NAMES = ("ProxyNCA", "ProxyAnchor", "SoftTriple", "InstanceLoss")


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


def draw(rng, n, rows=CLASSES):
    y_true = rng.integers(0, CLASSES, n).astype("int32")
    return y_true, *(rng.normal(size=(m, DIM)).astype("float32") for m in (n, rows))


def holding(proxies, name, **settings):
    loss = getattr(losses, name)(CLASSES, DIM, **settings)
    loss.proxies.assign(proxies)
    return loss


@pytest.mark.parametrize(
    ("name", "settings", "text"),
    [
        ("ProxyNCA", {"temperature": 0.0}, "`temperature` must be greater than 0"),
        ("ProxyNCA", {"denominator": "none"}, "`denominator` must be one of ('all', 'others')"),
        ("ProxyAnchor", {"margin": -0.1}, "`margin` must be at least 0. Received: margin=-0.1"),
        ("ProxyAnchor", {"alpha": 0.0}, "`alpha` must be greater than 0"),
        ("SoftTriple", {"centers_per_class": 0}, "`centers_per_class` must be a positive integer"),
        ("SoftTriple", {"la": -1.0}, "`la` must be greater than 0"),
        ("SoftTriple", {"gamma": 0.0}, "`gamma` must be greater than 0"),
        ("SoftTriple", {"margin": -0.1}, "`margin` must be at least 0"),
        ("SoftTriple", {"tau": -0.1}, "`tau` must be at least 0"),
        ("InstanceLoss", {"gamma": 0.0}, "`gamma` must be greater than 0"),
    ],
)
def test_bad_settings(name, settings, text):
    cls = getattr(losses, name)
    with pytest.raises(ValueError) as caught:
        cls(3, **settings)
    assert text in str(caught.value)
    with pytest.raises(ValueError) as caught:
        cls.function([0], [[1.0]], [[1.0]], **settings)
    assert text in str(caught.value)


def test_bad_tables():
    with pytest.raises(ValueError, match=r"two classes or more.*Received: 1 proxy"):
        losses.proxy_nca([0], [[1.0]], [[1.0]], denominator="others")
    with pytest.raises(ValueError, match="3 proxies, which is no multiple of 2"):
        losses.soft_triple([0], [[1.0]], [[1.0]] * 3, centers_per_class=2)
    with pytest.raises(ValueError, match="`mask` must have the shape"):
        losses.proxy_anchor([0, 0], [[1.0]] * 2, [[1.0]], mask=[True, True, False])


@pytest.mark.parametrize("name", NAMES)
def test_defaults_are_those_of_the_paper(name, rng):
    rows = 10 * CLASSES if name == "SoftTriple" else CLASSES
    y_true, x, proxies = draw(rng, 4, rows)
    loss = holding(proxies, name)
    expected = getattr(reference, type(loss).function.__name__)(y_true, x, proxies)
    for values in (loss.values(y_true, x), type(loss).function(y_true, x, proxies)):
        np.testing.assert_allclose(numbers(values), expected, rtol=2e-5)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("ProxyNCA", {"temperature": 0.5}),
        ("SoftTriple", {"centers_per_class": 2, "margin": 0.0, "tau": 0.0}),
        ("InstanceLoss", {}),
        ("InstanceLoss", {"gamma": 5.0}),
    ],
)
def test_logits_are_those_of_the_loss(name, settings, rng):
    y_true, x, proxies = draw(rng, 5, CLASSES * settings.get("centers_per_class", 1))
    loss = holding(proxies, name, **settings)
    logits = loss.get_logits(x)
    assert tuple(logits.shape) == (5, CLASSES)
    values = losses.sparse_categorical_crossentropy(y_true, logits, from_logits=True)
    np.testing.assert_allclose(numbers(values), numbers(loss.values(y_true, x)), rtol=1e-5)


# ProxyNCA -----------------------------------------------------------------------------------


def test_proxy_nca_is_a_normalised_softmax_of_half_the_temperature(rng):
    y_true, x, proxies = draw(rng, 6)
    found = losses.proxy_nca(y_true, x, proxies, temperature=0.2)
    expected = losses.normalized_softmax(y_true, x, proxies, temperature=0.1)
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=1e-5)


def test_proxy_nca_far_from_its_proxy_still_learns():
    """Where e^(-d/T) is 0 in float32, of which the logarithm would be infinite."""
    given = {"proxies": np.eye(2, dtype="float32"), "temperature": 0.001}
    x = np.array([[-0.6, 0.8]], "float32")
    # d is 3.2 to the own proxy and 0.4 to the other.
    assert numbers(losses.proxy_nca([0], x, **given))[0] == pytest.approx(2800, rel=1e-5)
    found = autodiff.gradient(lambda x: ops.sum(losses.proxy_nca([0], x, **given)), x)
    np.testing.assert_allclose(found, [[-320, -240]], rtol=1e-4)


# Proxy-Anchor -------------------------------------------------------------------------------

BATCHES = {
    "all classes": [3, 0, 1, 2, 0],
    "classes absent": [1, 3, 3, 1, 1],
    "one class": [2, 2, 2, 2, 2],
}


@pytest.mark.parametrize("labels", BATCHES.values(), ids=list(BATCHES))
def test_proxy_anchor_is_the_papers_scalar(labels, rng):
    _, x, proxies = draw(rng, 5)
    y_true = np.array(labels, "int32")
    loss = holding(proxies, "ProxyAnchor", alpha=8.0)
    expected = reference.proxy_anchor_scalar(y_true, x, proxies, alpha=8.0)
    assert float(numbers(loss(y_true, x, training=False))) == pytest.approx(expected, rel=1e-5)


def test_proxy_anchor_sees_no_sample_that_does_not_count(rng):
    """Not even one that is NaN; and what a weight of 0 does to each reduction."""
    y_true, x, proxies = draw(rng, 6)
    kept = np.array([True, False, True, True, False, True])
    expected = reference.proxy_anchor_scalar(y_true[kept], x[kept], proxies)
    slope = autodiff.gradient(
        lambda p: ops.sum(losses.proxy_anchor(y_true[kept], x[kept], p)) / 4, proxies
    )
    x[~kept] = np.nan

    loss = holding(proxies, "ProxyAnchor")
    y_pred = ops.convert_to_tensor(x)
    y_pred._keras_mask = ops.convert_to_tensor(kept)
    masked = numbers(loss(y_true, y_pred, training=False))
    assert float(masked) == pytest.approx(expected, rel=1e-5)

    weights = kept.astype("float32")
    for reduction, share in (("mean_with_sample_weight", 1), ("sum_over_batch_size", 4 / 6)):
        loss = holding(proxies, "ProxyAnchor", reduction=reduction)
        weighted = numbers(loss(y_true, x, sample_weight=weights, training=False))
        assert float(weighted) == pytest.approx(share * expected, rel=1e-5)

    found = autodiff.gradient(
        lambda p: ops.sum(losses.proxy_anchor(y_true, x, p, mask=kept)) / 4, proxies
    )
    np.testing.assert_allclose(found, slope, rtol=1e-4, atol=1e-5)


def test_proxy_anchor_without_any_sample_is_zero(rng):
    y_true, x, proxies = draw(rng, 3)

    def total(p):
        return ops.sum(losses.proxy_anchor(y_true, x, p, mask=np.zeros(3, bool)))

    assert numbers(total(proxies)) == 0
    np.testing.assert_array_equal(autodiff.gradient(total, proxies), 0)


@pytest.mark.skipif(
    not autodiff.TRACES, reason="PyTorch traces with Keras 3.15 and later: here ids are checked"
)
def test_proxy_anchor_sees_no_sample_with_an_id_that_nobody_could_check(rng):
    y_true, x, proxies = draw(rng, 4)
    y_true[2] = CLASSES
    compiled = autodiff.compiled(losses.proxy_anchor)
    found = numbers(compiled(*map(ops.convert_to_tensor, (y_true, x, proxies))))
    assert np.isnan(found[2])
    rest = np.array([0, 1, 3])
    expected = reference.proxy_anchor(y_true[rest], x[rest], proxies)
    np.testing.assert_allclose(found[rest], expected, rtol=2e-5)


# SoftTriple ---------------------------------------------------------------------------------


def test_soft_triple_regulariser_is_of_the_centers_alone(rng):
    y_true, x, centers = draw(rng, 5, 3 * CLASSES)
    with_it, without = (
        numbers(losses.soft_triple(y_true, x, centers, centers_per_class=3, tau=tau))
        for tau in (2.0, 0.0)
    )
    units = np.array([reference.unit(center) for center in centers]).reshape(CLASSES, 3, DIM)
    lengths = [np.linalg.norm(u[i] - u[j]) for u in units for i, j in ((0, 1), (0, 2), (1, 2))]
    expected = 2.0 * sum(lengths) / (CLASSES * 3 * 2)
    np.testing.assert_allclose(with_it - without, np.full(5, expected), rtol=1e-5)


def test_soft_triple_where_centers_meet():
    """Distance 0, of which the root has no gradient; and one center, which has no pair."""
    x = np.array([[0.3, -1.0, 0.2]], "float32")
    center = np.array([[0.1, 0.7, -0.4]], "float32")
    given = {"la": 1.0, "margin": 0.0, "tau": 100.0}
    met = np.concatenate([np.repeat(center, 3, axis=0), np.repeat(-center, 3, axis=0)])

    def value(centers, k=3):
        return ops.sum(losses.soft_triple([0], x, centers, centers_per_class=k, **given))

    alone = np.concatenate([center, -center])
    assert float(numbers(value(met))) == pytest.approx(float(numbers(value(alone, 1))), abs=1e-5)
    assert np.isfinite(autodiff.gradient(value, met)).all()


@pytest.mark.parametrize(("gamma", "weigh"), [(1e-3, np.max), (1e4, np.mean)])
def test_soft_triple_gamma_goes_from_the_nearest_center_to_all(gamma, weigh, rng):
    _, x, centers = draw(rng, 3, 3 * CLASSES)
    loss = holding(centers, "SoftTriple", centers_per_class=3, la=1.0, gamma=gamma)
    cosines = np.array([[reference.cosine(one, center) for center in centers] for one in x])
    expected = weigh(cosines.reshape(3, CLASSES, 3), axis=-1)
    np.testing.assert_allclose(numbers(loss.get_logits(x)), expected, atol=1e-4)


# Instance loss ------------------------------------------------------------------------------


def test_instance_loss_with_the_batch_for_proxies(rng):
    """Without weights of its own, as pytorch-metric-learning has it, with the gradient by both."""
    x = rng.normal(size=(4, DIM)).astype("float32")
    ids = np.arange(4, dtype="int32")

    def total(x):
        return ops.sum(losses.instance_loss(ids, x, x, gamma=4.0))

    expected = reference.instance_loss(ids, x, x, gamma=4.0).sum()
    assert float(numbers(total(x))) == pytest.approx(expected, rel=1e-5)
    steps = 1e-6 * np.eye(x.size).reshape(x.size, *x.shape)
    far, near = (
        [reference.instance_loss(ids, moved, moved, gamma=4.0).sum() for moved in x + sign * steps]
        for sign in (1.0, -1.0)
    )
    slope = (np.array(far) - np.array(near)).reshape(x.shape) / 2e-6
    np.testing.assert_allclose(autodiff.gradient(total, x), slope, rtol=1e-4, atol=1e-5)


def test_instance_loss_learns_views_of_one_instance():
    """Two views, rows of one batch, come to lie on the weights that they share."""
    x = np.array([[1.0, 0.0], [0.0, 1.0]], "float32")
    weights = np.array([[0.5, 0.5], [-0.5, -0.5]], "float32")
    found = autodiff.gradient(lambda x: ops.sum(losses.instance_loss([0, 0], x, weights)), x)
    np.testing.assert_allclose(found, -np.ones((2, 2)) / (1 + np.e), rtol=1e-5)

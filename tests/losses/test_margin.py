"""What the contract suite does not say of margin heads, and of all losses with proxies."""

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import _backend, losses
from portable_losses._catalogue import CATALOGUE
from portable_losses.losses._sphereface import psi
from portable_losses.training import LossModel
from tests import autodiff
from tests.references import margin as reference

HEADS = {
    "ArcFace": reference.arcface,
    "SubCenterArcFace": reference.sub_center_arcface,
    "CosFace": reference.cosface,
    "NormalizedSoftmax": reference.normalized_softmax,
    "P2SGrad": reference.p2sgrad,
    "SphereFace": reference.sphereface,
}
every_head = pytest.mark.parametrize("name", HEADS)


def head(name, proxies, **settings):
    """A loss whose classes have these proxies: all sub-centers of a class the same."""
    proxies = np.asarray(proxies, "float32")
    loss = getattr(losses, name)(*proxies.shape, **settings)
    loss.proxies.assign(np.repeat(proxies, loss.rows_per_class, axis=0))
    return loss


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


# The heads ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "settings", "text"),
    [
        ("ArcFace", {"margin": 28.6}, "margin=28.6. If these are degrees, 0.4992 is meant"),
        ("SubCenterArcFace", {"margin": -0.1}, "an angle in radians and must lie in [0, π]"),
        ("SubCenterArcFace", {"sub_centers": 0}, "`sub_centers` must be a positive integer"),
        ("CosFace", {"margin": -0.1}, "`margin` must be at least 0. Received: margin=-0.1"),
        ("CosFace", {"scale": 0.0}, "`scale` must be greater than 0"),
        ("NormalizedSoftmax", {"temperature": 0.0}, "`temperature` must be greater than 0"),
        ("SphereFace", {"margin": 1.5}, "`margin` must be a positive integer"),
        ("SphereFace", {"scale": -1.0}, "`scale` must be greater than 0"),
        ("P2SGrad", {"learning_rate_multiplier": 0.0}, "`learning_rate_multiplier` must be"),
        ("P2SGrad", {"num_classes": 0}, "`num_classes` must be a positive integer"),
    ],
)
def test_bad_settings(name, settings, text):
    with pytest.raises(ValueError) as caught:
        getattr(losses, name)(**{"num_classes": 3, **settings})
    assert text in str(caught.value)
    if not {"num_classes", "learning_rate_multiplier"} & set(settings):
        with pytest.raises(ValueError) as caught:
            getattr(losses, name).function([0], [[1.0]], [[1.0]], **settings)
        assert text in str(caught.value)


def test_bad_proxies():
    with pytest.raises(ValueError, match="Received: 4 proxies, which is no multiple of 3"):
        losses.sub_center_arcface([0], [[1.0, 0.0]], np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"proxies \(C, d\). Received: y_pred.shape=\(1, 2\)"):
        losses.cosface([0], [[1.0, 0.0]], np.ones((4, 3)))


@every_head
def test_defaults_are_those_of_the_paper(name, rng):
    y_true, x, proxies = np.array([0, 1, 2, 0]), rng.normal(size=(4, 3)), rng.normal(size=(3, 3))
    loss = head(name, proxies)
    table = np.repeat(proxies, loss.rows_per_class, axis=0)
    expected = HEADS[name](y_true, x, table)
    for values in (
        loss.values(y_true, x.astype("float32")),
        type(loss).function(y_true, x.astype("float32"), table.astype("float32")),
    ):
        np.testing.assert_allclose(numbers(values), expected, rtol=1e-5, atol=1e-5)


@every_head
def test_logits_are_cosines_without_a_margin(name, rng):
    x, proxies = rng.normal(size=(4, 3)), rng.normal(size=(3, 3))
    loss = head(name, proxies)
    cosine = np.array([[np.cos(reference.angle(a, w)) for w in proxies] for a in x])
    factor = {"P2SGrad": 1, "NormalizedSoftmax": 20, "SphereFace": np.linalg.norm(x, axis=1)}
    expected = np.reshape(factor.get(name, 64), (-1, 1)) * cosine
    np.testing.assert_allclose(numbers(loss.get_logits(x)), expected, rtol=1e-5, atol=1e-5)


@every_head
def test_with_one_class_there_is_nothing_to_learn_from_a_softmax(name):
    loss = head(name, [[1.0, 0.0]])
    x = np.array([[0.6, 0.8], [-1.0, 0.0]], "float32")
    found = autodiff.gradient(lambda p: ops.sum(loss.values([0, 0], p)), x)
    if name == "P2SGrad":  # (cos θ − 1)²
        np.testing.assert_allclose(found, [[-0.512, 0.384], [0.0, 0.0]], rtol=1e-5, atol=1e-6)
    else:
        assert np.abs(found).max() == 0


def test_heads_meet_where_they_have_no_margin(rng):
    y_true, x, proxies = np.array([0, 1, 2, 0]), rng.normal(size=(4, 3)), rng.normal(size=(3, 3))
    expected = numbers(losses.normalized_softmax(y_true, x, proxies, temperature=0.25))
    units = x / np.linalg.norm(x, axis=1, keepdims=True)
    for values in (
        losses.arcface(y_true, x, proxies, margin=0.0, scale=4.0),
        losses.sub_center_arcface(y_true, x, proxies, sub_centers=1, margin=0.0, scale=4.0),
        losses.cosface(y_true, x, proxies, margin=0.0, scale=4.0),
        losses.sphereface(y_true, units, proxies, margin=1, scale=4.0),
    ):
        np.testing.assert_allclose(numbers(values), expected, rtol=1e-5, atol=1e-6)


# An embedding (±2, 0, 0) on the line of its proxy (1, 0, 0). The own cosine has no slope there, so
# a head that normalises has Σ_j p_j s t_j / ‖x‖ over the other classes: their probability, the
# scale, and the part of their proxy at a right angle to x.
PROXIES = [[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]]
SCALE = {"margin": 0.5, "scale": 4.0}
POLES = {
    "ArcFace": (SCALE, [0, 0.387777, 0.043973], [0, 0.132225, 1.821927]),
    "SubCenterArcFace": (SCALE, [0, 0.387777, 0.043973], [0, 0.132225, 1.821927]),
    "CosFace": ({"scale": 4.0}, [0, 0.692005, 0.078472], [0, 0.132528, 1.826093]),
    "NormalizedSoftmax": (
        {"temperature": 0.25},
        [0, 0.264736, 0.030020],
        [0, 0.130879, 1.803372],
    ),
    "P2SGrad": ({}, [0, 0.16, 0], [0, -0.16, 0]),  # ⅔ cos θ_j t_j / ‖x‖
    "SphereFace": (  # (p − 1) ψ x̂ + Σ_j p_j w_j
        {},
        [-0.198822, 0.226839, 0.085403],
        [-6.861110, 0.185180, 0.768524],
    ),
}


@pytest.mark.parametrize(("name", "stated"), POLES.items(), ids=POLES)
def test_gradient_at_the_poles(name, stated):
    settings, *expected = stated
    loss = head(name, PROXIES, **settings)
    x = np.float32([[2.0, 0.0, 0.0], [-2.0, 0.0, 0.0]])
    both = np.concatenate([x, numbers(loss.proxies)])
    found = autodiff.gradient(lambda b: ops.sum(loss.values_at([0, 0], b[:2], b[2:])), both)
    np.testing.assert_allclose(found[:2], expected, rtol=1e-4, atol=1e-6)
    assert np.isfinite(found).all()
    assert np.abs(found[2:]).max() > 0


@every_head
def test_float16_on_the_line_of_its_proxy(name):
    loss = head(name, [[1.0, 1.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    proxies, ids = numbers(loss.proxies), np.array([0, 0, 0, 0])
    x = np.outer([1.0, -1.0, 200.0, -0.1], np.ones(3)).astype("float16")

    def total(p):
        return ops.sum(ops.cast(loss.values_at(ids, p, proxies), "float32"))

    found = autodiff.gradient(total, x)
    assert found.dtype == "float16"
    assert np.isfinite(found).all()
    assert np.isfinite(numbers(loss(ids, x, training=False)))


def test_only_the_nearest_sub_center_of_a_class_gets_a_gradient():
    proxies = np.float32([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, -1, 0.2]])
    x = np.float32([[0.9, 0.3, 0.2]])
    function = losses.sub_center_arcface
    found = autodiff.gradient(
        lambda w: ops.sum(function([0], x, w, sub_centers=2, scale=4.0)), proxies
    )
    assert list(np.abs(found).max(axis=1) > 0) == [True, False, True, False]


def test_psi_is_its_definition_and_falls():
    theta = np.linspace(0.01, np.pi - 0.01, 211)
    for m in (1, 2, 3, 4, 5):
        k = np.floor(theta * m / np.pi)
        found = numbers(psi(ops.convert_to_tensor(np.cos(theta).astype("float32")), m))
        np.testing.assert_allclose(found, (-1) ** k * np.cos(m * theta) - 2 * k, atol=2e-5)
        assert (np.diff(found) < 0).all()
    borders = np.cos(np.arange(1, 4) * np.pi / 4).astype("float32")
    found = autodiff.gradient(lambda c: ops.sum(psi(c, 4)), borders)
    np.testing.assert_allclose(found, np.zeros(3), atol=1e-5)


def test_outliers_are_far_from_the_dominant_sub_center(rng):
    y_true, x = rng.integers(0, 3, 30), rng.normal(size=(30, 3))
    x[5] = 0  # at a right angle to all
    loss = losses.SubCenterArcFace(4, embedding_dim=3, sub_centers=2, learning_rate_multiplier=5.0)
    found = loss.get_outliers(y_true, x, threshold=1.0)
    assert isinstance(found, np.ndarray)
    expected = reference.outliers(y_true, x, numbers(loss.proxies), 2, 1.0)
    assert found.tolist() == expected
    assert 0 < sum(expected) < 30
    assert found.tolist() == loss.get_outliers(np.eye(4)[y_true], x, threshold=1.0).tolist()
    default = reference.outliers(y_true, x, numbers(loss.proxies), 2, np.radians(75))
    assert loss.get_outliers(y_true, x).tolist() == default


def test_outliers_of_bad_input():
    loss = losses.SubCenterArcFace(2, embedding_dim=3)
    with pytest.raises(ValueError, match=r"`threshold` is an angle in radians.*threshold=75"):
        loss.get_outliers([0], np.ones((1, 3)), threshold=75)
    with pytest.raises(ValueError, match=r"of length 3 per label. Received: 2 labels"):
        loss.get_outliers([0, 1], np.ones((1, 3)))


# Proxies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ArcFace", "SubCenterArcFace"])
def test_class_means_classify(name, rng):
    directions = np.eye(3)
    y_true = np.repeat([0, 1, 2], [7, 4, 1])
    x = (5 * directions[y_true] + 0.3 * rng.normal(size=(12, 3))).astype("float32")
    loss = getattr(losses, name)(4, learning_rate_multiplier=10.0)
    loss.build((None,), (None, 3))
    loss.proxies.assign(np.full(tuple(loss.proxies.shape), -0.1, "float32"))
    loss.set_class_means(y_true, x)
    assert np.argmax(numbers(loss.get_logits(x)), axis=1).tolist() == y_true.tolist()

    count = loss.rows_per_class
    table = np.reshape(numbers(loss.scaled(loss.proxies)), (4, count, 3))
    np.testing.assert_allclose(table[3], np.full((count, 3), -1.0), rtol=1e-6)  # absent
    np.testing.assert_allclose(table[2, 1:], np.full((count - 1, 3), -1.0), rtol=1e-6)  # no 2nd
    np.testing.assert_allclose(np.linalg.norm(table[:2], axis=-1), np.ones((2, count)), rtol=1e-6)
    units = x / np.linalg.norm(x, axis=1, keepdims=True)
    mean = units[:7:count].mean(axis=0)  # samples are dealt out in turn
    np.testing.assert_allclose(table[0, 0], mean / np.linalg.norm(mean), rtol=1e-5, atol=1e-6)


def test_class_means_build_the_loss_and_take_one_hot_labels(rng):
    x = rng.normal(size=(4, 3))
    loss, twin = losses.CosFace(3), losses.CosFace(3)
    loss.set_class_means([0, 1, 2, 0], x)
    twin.set_class_means(np.eye(3)[[0, 1, 2, 0]], x)
    np.testing.assert_array_equal(numbers(loss.proxies), numbers(twin.proxies))


def test_samples_that_cancel_out_leave_a_proxy_as_it_is():
    loss = head("CosFace", [[1.0, 0.0], [0.0, 1.0]])
    loss.set_class_means([0, 0, 1], [[0.0, 2.0], [0.0, -3.0], [0.0, 0.0]])
    np.testing.assert_array_equal(numbers(loss.proxies), np.eye(2))


def test_class_means_of_bad_input(monkeypatch):
    loss = losses.CosFace(3, embedding_dim=2)
    with pytest.raises(ValueError, match=r"of length 2 per label. Received: 2 labels"):
        loss.set_class_means([0, 1], np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"Class ids must lie in \[0, 3\)"):
        loss.set_class_means([0, 3], np.ones((2, 2)))
    # As on an accelerator, whose values nobody looks at on the way.
    monkeypatch.setattr(_backend, "concrete", lambda tensor: None)
    with pytest.raises(ValueError, match=r"Class ids must be whole numbers in \[0, 3\)"):
        loss.set_class_means([0, 3], np.ones((2, 2)))


def model(loss, optimizer):
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, name="features")])
    wrapped = LossModel(network, loss)
    wrapped.compile(optimizer)
    return wrapped


@pytest.mark.parametrize("optimizer", [keras.optimizers.SGD, keras.optimizers.Adam])
def test_learning_rate_multiplier_scales_the_step(optimizer, rng):
    x, y_true = rng.normal(size=(4, 3)).astype("float32"), np.array([0, 1, 2, 0])
    start = rng.normal(size=(3, 3)).astype("float32")
    weights = rng.normal(size=(3, 3)).astype("float32")
    steps, values = [], []
    for multiplier in (1.0, 10.0):
        loss = losses.ArcFace(3, 3, scale=4.0, learning_rate_multiplier=multiplier)
        loss.proxies.assign(start / multiplier)
        trained = model(loss, optimizer(1e-2))
        trained.model.layers[0].kernel.assign(weights)
        values.append(float(trained.train_on_batch(x, y_true)))
        steps.append(numbers(loss.scaled(loss.proxies)) - start)
    assert values[0] == pytest.approx(values[1], rel=1e-5)
    assert np.abs(steps[0]).min() > 1e-6
    np.testing.assert_allclose(steps[1], 10 * steps[0], rtol=1e-3, atol=2e-6)


def test_proxies_start_the_same_under_any_multiplier():
    initializer = keras.initializers.RandomNormal(seed=1)
    one, ten = (
        losses.ArcFace(3, 3, proxies_initializer=initializer, learning_rate_multiplier=multiplier)
        for multiplier in (1.0, 10.0)
    )
    assert np.abs(numbers(one.proxies)).max() > 0
    np.testing.assert_allclose(
        numbers(ten.scaled(ten.proxies)), numbers(one.proxies), rtol=1e-6, atol=1e-8
    )


def test_a_frozen_loss_stays_frozen(rng, tmp_path):
    x, y_true = rng.normal(size=(4, 3)).astype("float32"), np.array([0, 1, 2, 0])
    trained = model(losses.ArcFace(3), "sgd")
    trained.loss_fn.trainable = False
    trained.compile("sgd")
    start = numbers(trained.loss_fn.proxies).copy()
    trained.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    kernel = numbers(twin.model.layers[0].kernel).copy()
    twin.fit(x, y_true, verbose=0)
    assert not twin.loss_fn.trainable
    np.testing.assert_array_equal(numbers(twin.loss_fn.proxies), start)
    assert np.abs(numbers(twin.model.layers[0].kernel) - kernel).max() > 0


def test_proxies_are_in_the_summary():
    lines = []
    model(losses.ArcFace(5, name="head"), "sgd").summary(print_fn=lines.append)
    text = "\n".join(lines)
    row = next(line for line in text.splitlines() if "head" in line)
    assert "ArcFace" in row
    assert "15" in row  # five proxies of three numbers
    assert "27" in next(line for line in text.splitlines() if "Trainable params" in line)


CLASSIFIERS = sorted(
    entry.cls for entry in CATALOGUE if hasattr(getattr(losses, entry.cls, None), "get_logits")
)


@pytest.mark.parametrize("name", [name for name in CLASSIFIERS if name != "PartialFC"])
def test_logits_before_there_are_rows(name):
    loss = getattr(losses, name)(3)
    with pytest.raises(ValueError, match=f"no {loss.table_name} yet.*with embedding_dim="):
        loss.get_logits([[1.0, 0.0]])
    with pytest.raises(ValueError, match="no proxies yet"):
        losses.PartialFC(losses.CosFace(3)).get_logits([[1.0, 0.0]])

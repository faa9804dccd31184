"""Each clause of the contract catches a loss that breaks it: a suite that cannot fail proves
nothing. `Sound` passes them all; every other class here breaks one thing and is caught."""

from typing import Any

import numpy as np
import pytest
from keras import ops

from portable_losses._inputs import as_pair
from portable_losses._numerics import mean
from portable_losses.losses import Loss, StatefulLoss
from portable_losses.losses._base import register
from tests.autodiff import BACKEND, TRACES
from tests.contract import checks
from tests.contract.case import Case
from tests.contract.checks import Subject


def reference(y_true, y_pred):
    rows_of = zip(y_true, y_pred, strict=True)
    return np.array(
        [np.mean([(t - p) ** 2 for t, p in zip(*rows, strict=True)]) for rows in rows_of]
    )


CASE = Case(
    reference=reference,
    batch=lambda rng, n: tuple(rng.normal(size=(2, n, 3)).astype("float32")),
    degenerate={"equal": (np.ones((2, 3), "float32"), np.ones((2, 3), "float32"))},
    kinks=((np.zeros((1, 3)), np.zeros((1, 3)), 0.0),),
)


def sound(y_true, y_pred):
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    return ops.cast(mean(ops.square(y_true - y_pred)), dtype)


def broken(cls: str, function: Any, **members: Any) -> type:
    def init(self, name: Any = "broken", reduction: Any = "sum_over_batch_size", dtype: Any = None):
        Loss.__init__(self, name=name, reduction=reduction, dtype=dtype)

    return register(
        type(cls, (Loss,), {"__init__": init, "function": staticmethod(function), **members})
    )


def naive(y_true, y_pred):
    y_pred = ops.convert_to_tensor(y_pred)
    return ops.mean(ops.square(ops.cast(y_true, y_pred.dtype) - y_pred), axis=-1)


def half_gradient(y_true, y_pred):
    values = sound(y_true, y_pred)
    return 0.5 * values + ops.stop_gradient(0.5 * values)


def root(y_true, y_pred):
    return ops.sqrt(sound(y_true, y_pred))


def batch_mean(y_true, y_pred):
    return ops.mean(sound(y_true, y_pred))


def centred(y_true, y_pred):
    values = sound(y_true, y_pred)
    return values * ops.cast(ops.arange(1, values.shape[0] + 1), values.dtype)


def branching(y_true, y_pred):
    values = sound(y_true, y_pred)
    return values if float(ops.sum(values)) > 0 else 0 * values


def forgets_dtype(self):
    return {"name": self.name, "reduction": self.reduction}


def plain_call(self, y_true, y_pred, sample_weight=None):
    return ops.mean(type(self).function(y_true, y_pred))


Sound = broken("Sound", sound)
Twice = broken("Twice", lambda t, p: 2 * sound(t, p))

CAUGHT = {
    "value": Twice,
    "gradient": broken("HalfTheGradient", half_gradient),
    "degenerate": broken("InfiniteSlope", root),
    "float64": broken("Single", lambda t, p: sound(t, ops.cast(p, "float32"))),
    "low_precision": broken("ComputesInHalf", naive),
    "reductions": broken("IgnoresWeights", sound, __call__=plain_call),
    "zero_weights": broken("IgnoresZeroWeights", sound, __call__=plain_call),
    "column_weights": broken("TakesAnyWeights", sound, __call__=plain_call),
    "permutation": broken("OrderMatters", centred),
    "columns": broken("Broadcasts", naive),
    "other_lengths": broken("TakesAnyLength", lambda t, p: naive(ops.mean(t, axis=0), p)),
    "config": broken("ForgetsDtype", sound, get_config=forgets_dtype),
    "kink": broken("SlopeAtZero", lambda t, p: sound(t, p) + ops.mean(ops.relu(p - t + 1), -1) - 1),
    "fit": broken("Frozen", lambda t, p: ops.stop_gradient(sound(t, p))),
    "keras_file": broken(
        "NotTheSame", sound, from_config=classmethod(lambda cls, config: Twice(**config))
    ),
    "unknown_reduction": type("AnyReduction", (), {"__init__": lambda self, **_: None}),
}


class Shifted(StatefulLoss):
    """The squared error from a shift that it trains."""

    seen = staticmethod(lambda shift: shift)  # what of the variable the gradient sees

    def __init__(self, name: Any = "shifted", reduction: Any = "mean", dtype: Any = None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def build_state(self, dim: int) -> None:
        self.shift = self.add_weight(name="shift", shape=(dim,), initializer="zeros")

    def values(self, y_true, y_pred):
        shift = type(self).seen(ops.convert_to_tensor(self.shift))
        return sound(y_true, ops.convert_to_tensor(y_pred) - shift)


def set_shift(loss: Shifted) -> dict[str, Any]:
    loss.shift.assign([0.5, -1.0, 2.0])
    return {"shift": np.array([0.5, -1.0, 2.0], "float32")}


STATEFUL = Case(
    reference=lambda y_true, y_pred, shift: reference(y_true, y_pred - shift),
    batch=CASE.batch,
    prepare=set_shift,
)
HalfTheStateGradient = type(
    "HalfTheStateGradient",
    (Shifted,),
    {"seen": staticmethod(lambda shift: 0.5 * (shift + ops.stop_gradient(shift)))},
)
# Takes part in `compile(loss=...)`, where nobody tracks it.
Untracked = type(
    "Untracked",
    (Shifted,),
    {
        "__call__": lambda self, *given, training=False, **more: Shifted.__call__(
            self, *given, training=training, **more
        )
    },
)


def test_clauses_on_state_are_shown_to_fail(rng: np.random.Generator):
    for clause in (checks.state_gradient, checks.untracked):
        clause(Subject(Shifted, STATEFUL, {}), rng)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        checks.state_gradient(Subject(HalfTheStateGradient, STATEFUL, {}), rng)
    with pytest.raises(AssertionError, match="nothing was raised"):
        checks.untracked(Subject(Untracked, STATEFUL, {}), rng)


def run(clause: str, cls: type, rng: np.random.Generator, folder: Any) -> None:
    subject = Subject(cls, CASE, {})
    match clause:
        case "degenerate":
            checks.degenerate(subject, CASE.degenerate)
        case "kink":
            checks.kink(subject, *CASE.kinks[0])
        case "low_precision":
            checks.low_precision(subject, rng, "float16")
        case "keras_file":
            checks.keras_file(*checks.fit(subject, rng), folder)
        case _:
            getattr(checks, clause)(subject, rng)


def test_every_clause_is_shown_to_fail():
    assert set(CAUGHT) >= (set(checks.CLAUSES) - {"state_gradient"}) | {
        "degenerate",
        "kink",
        "low_precision",
        "fit",
    }


@pytest.mark.parametrize("clause", CAUGHT)
def test_a_sound_loss_passes(clause: str, rng: np.random.Generator, tmp_path: Any):
    run(clause, Sound, rng, tmp_path)


@pytest.mark.parametrize("clause", CAUGHT)
def test_a_broken_loss_is_caught(clause: str, rng: np.random.Generator, tmp_path: Any):
    with pytest.raises(Exception) as caught:  # by an assertion, or refused by Keras in `fit`
        run(clause, CAUGHT[clause], rng, tmp_path)
    assert not isinstance(caught.value, NameError | AttributeError | ImportError), caught.value


def test_a_batch_mean_and_a_python_branch_are_caught(rng: np.random.Generator):
    with pytest.raises((AssertionError, IndexError)):
        checks.value(Subject(broken("BatchMean", batch_mean), CASE, {}), rng)
    with pytest.raises(ValueError, match="must return one value per sample"):
        checks.reductions(Subject(broken("BatchMeanAgain", batch_mean), CASE, {}), rng)
    # TensorFlow's AutoGraph turns the branch into a conditional.
    if BACKEND != "tensorflow" and TRACES:
        with pytest.raises(Exception, match=r"(?i)trace|concrete|graph"):
            checks.value(Subject(broken("Branching", branching), CASE, {}), rng)

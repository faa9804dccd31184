"""What the contract suite has to know of a loss that its catalogue entry does not say."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Batch = tuple[Any, np.ndarray]


def no_state(loss: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Case:
    """One loss under test.

    Attributes:
        reference: `(y_true, y_pred, **settings, **state)` to one value per sample, in float64
            NumPy loops, from `tests/references`.
        batch: `(rng, n)` to an ordinary batch `(y_true, y_pred)` of `n` samples in float32 (ids
            in int32), away from kinks, so that finite differences are right.
        settings: Constructor arguments to test, one test each. The first is used where one is
            enough.
        degenerate: Edge batches by name. Value and gradient must be finite, and the value that of
            the reference.
        kinks: `(y_true, y_pred, gradient)` at points where backends' own operations differ: the
            gradient of the summed loss by `y_pred`, for `settings[0]`.
        sequence: Like `batch`, but of shape `(n, T, d)`, for losses that give `(n, T)` values.
        prepare: For a loss with state: sets the variables of the built loss to something that is
            not their start, and returns what of it the reference needs.
    """

    reference: Callable[..., np.ndarray]
    batch: Callable[[np.random.Generator, int], Batch]
    settings: tuple[dict[str, Any], ...] = ({},)
    degenerate: dict[str, Batch] = field(default_factory=dict)
    kinks: tuple[tuple[Any, Any, Any], ...] = ()
    sequence: Callable[[np.random.Generator, int], Batch] | None = None
    prepare: Callable[[Any], dict[str, Any]] = no_state

"""Find inputs that a definition runs with: guesses, one after another, until one gives numbers.

Runs on Python 3.7 too, with any framework: `attempt(job, maker)` is what runs a guess there.
"""

# ruff: noqa: UP035  # of later Pythons than this runs on

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from . import calls, inputs

FIXED = ("true", "labels", "mask", "batchindex")  # no gradient by these
Names = Callable[[], Any]


class Same(Exception):
    """This combination would repeat an earlier one."""


def search(job: Any, names: Names, attempt: Callable[[Any, Maker], Any]) -> Any:
    """The first inputs that give finite numbers, else the first that give any; recorded."""
    target = names()[job["name"]]
    second, first_error = None, None
    for scheme, batch in inputs.schemes(job["name"]):
        for vectors in inputs.VARIANTS:
            for pair in (True, False):
                maker = Maker(job, names, target, batch, vectors, pair)
                if not pair and not maker.pair_matters():
                    continue
                try:
                    found = attempt(job, maker)
                except (calls.NotALoss, TimeoutError):
                    raise
                except Same:
                    continue
                except Exception as error:
                    first_error = first_error or error
                    if isinstance(error, (NameError, ImportError, calls.NotAvailable)):
                        raise
                    continue
                found["plan"]["scheme"] = scheme
                numbers = [x for x in found["output"] if x.dtype.kind in "fiub"]
                if numbers and all(np.isfinite(x).all() for x in numbers):
                    return _record(job, found)
                second = second or found
    if second:
        return _record(job, second)
    raise first_error or calls.NotALoss("nothing to call")


def _record(job: Any, found: Any) -> Any:
    calls.save(job["record"], **found)
    return {"runs": True, "scheme": found["plan"]["scheme"], "random": found["plan"]["random"]}


class Maker:
    """Makes the plan of one attempt, step by step, as callables are found to return callables."""

    def __init__(
        self, job: Any, names: Names, target: Any, batch: Any, vectors: str, pair: bool
    ) -> None:
        self.job, self.names, self.target = job, names, target
        self.batch, self.vectors, self.pair = batch, vectors, pair
        self.tensors: list[Any] = []
        self.constants: list[Any] = []
        self.by: list[int] = []
        self.saw_vectors = False
        self.plan: dict[str, Any] = {
            "name": job["name"],
            "construct": [],
            "method": "",
            "kind": "function",
        }

    def found(self, plan: Any, output: Any, gradient: Any, weight: Any) -> dict[str, Any]:
        """The arrays of a record, by name."""
        given = {"tensor": self.tensors, "constant": self.constants}
        return dict(given, plan=plan, output=output, gradient=gradient, weight=weight)

    def pair_matters(self) -> bool:
        """Whether two arguments were taken for a pair that may as well be numbers."""
        if isinstance(self.target, type):
            return False
        positional, named = inputs.parameters(self.target)
        names = positional + named
        return inputs.roles(names) != inputs.roles(names, pair=False)

    def arguments(self, function: Any, numbers: bool = False) -> tuple[Any, list[str]]:
        """Encoded arguments for what `function` requires."""
        positional, named = inputs.parameters(function)
        found = inputs.roles(positional + named, self.pair)
        if numbers:
            found = dict.fromkeys(found)
        code = {}
        for name, role in found.items():
            start = len(self.tensors)
            value = self.batch[role] if role else inputs.number(name, self.vectors)
            self.saw_vectors |= not role and bool(inputs.VECTORS.search(name))
            code[name] = calls.encode(value, self.tensors, self.constants, bool(role))
            if role not in FIXED:
                new = range(start, len(self.tensors))
                self.by += [i for i in new if self.tensors[i].dtype.kind == "f"]
        return {
            "positional": [code[n] for n in positional],
            "named": {n: code[n] for n in named},
        }, [r for r in found.values() if r]


def plan_function(maker: Maker, enter: Callable[[Maker], Any]) -> None:
    """Complete the plan of a function: `enter` tells whether a call gives another callable."""
    target = maker.target
    for _ in range(3):
        given, roles = maker.arguments(target)
        if roles:
            if maker.vectors != inputs.VARIANTS[0] and not maker.saw_vectors:
                raise Same
            maker.plan["call"] = given
            result = enter(maker)
            if not callable(result):
                return
            del maker.plan["call"]
        else:
            positional, named = calls.decode(given, maker.tensors, maker.constants)
            result = target(*positional, **named)
            if not callable(result):
                raise TypeError("no argument is known to be a tensor")
        maker.plan["construct"].append(given)
        target = result
    raise TypeError("callables that give callables without end")


def plan_class(maker: Maker, keras: Any) -> None:
    """Complete the plan of a class: construct, then what is to be called."""
    target, plan = maker.target, maker.plan
    given, _ = maker.arguments(target.__init__, numbers=True)
    plan["construct"] = [given]
    if issubclass(target, keras.metrics.Metric):
        plan["kind"] = "metric"
        function = target.update_state
    elif issubclass(target, keras.losses.Loss):
        plan["kind"] = "loss"
        function = target.call
    elif "__call__" in maker.job["methods"]:  # called as a function, even where it is a layer
        function = target.__call__
    elif issubclass(target, keras.layers.Layer):
        plan["kind"] = "layer"
        function = target.call
    else:
        plan["method"] = next(m for m in maker.job["methods"] if hasattr(target, m))
        function = getattr(target, plan["method"])
    plan["call"], roles = maker.arguments(function)
    if not roles:
        raise TypeError("no argument is known to be a tensor")
    if maker.vectors != inputs.VARIANTS[0] and not maker.saw_vectors:
        raise Same

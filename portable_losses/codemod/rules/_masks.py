"""How a function is written with masks: what `_selection` reads and `masked` writes."""

from __future__ import annotations

from dataclasses import dataclass, field

import libcst as cst

from portable_losses.codemod._context import Reference


class Unsure(Exception):
    """Something that no mask is sure to do as well."""


@dataclass(frozen=True)
class Part:
    """A value of which only the entries under `masks` were there. `at`: what the others are now,
    where that is known. `flat`: it has one axis, as it had. `spread`: along an axis of its own, so
    that it meets others pair by pair."""

    masks: tuple[str, ...]
    at: float | None = None
    flat: bool = False
    spread: bool = False


@dataclass(frozen=True)
class Filler:
    """`number` where `mask` does not hold. `shape`: what the tensor is brought to before."""

    mask: str
    number: str
    moved: cst.CSTNode
    shape: str = ""


@dataclass(frozen=True)
class Line:
    """`name = text`, or what became of `node`; "and" the masks of what was cut before."""

    name: str
    text: str
    node: cst.CSTNode
    flat: bool = False
    among: tuple[str, ...] = ()


@dataclass
class Plan:
    function: cst.FunctionDef
    filled: dict[cst.CSTNode, tuple[str, Filler]] = field(default_factory=dict)
    partitions: list[cst.CSTNode] = field(default_factory=list)
    reduced: dict[cst.CSTNode, tuple[str, str]] = field(default_factory=dict)
    before: dict[cst.CSTNode, list[Line]] = field(default_factory=dict)
    masks: dict[cst.CSTNode, cst.BaseExpression] = field(default_factory=dict)  # of `tf.where(m)`
    settled: list[Reference] = field(default_factory=list)
    assumes: str = ""

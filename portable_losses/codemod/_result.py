"""What a rewrite gives back."""

from dataclasses import dataclass, field

# How much a finding asks of the reader.
NOTE, CHECK, STOP = "note", "check", "stop"
SEVERITIES = {
    NOTE: "done: the numbers stay, or the change is what was asked for",
    CHECK: "read this: numbers may differ, depending on what the source does not say",
    STOP: "does not run as it is: to be written by hand",
}


def place(line: int, cell: int | None) -> str:
    """A line, of a cell where there are cells."""
    return f"{line}" if cell is None else f"cell {cell}:{line}"


@dataclass(frozen=True, order=True)
class Change:
    """One place where the code is another now; in a notebook `line` counts within cell `cell`."""

    line: int
    old: str
    new: str
    cell: int | None = None


@dataclass(frozen=True, order=True)
class Finding:
    """Something a reader should know. `rule` is a rule's name or the id of a silent change."""

    line: int
    rule: str
    message: str
    severity: str = NOTE
    cell: int | None = None

    @property
    def place(self) -> str:
        return place(self.line, self.cell)


@dataclass(frozen=True)
class Layer:
    """What stands in the place of a function that made variables: the class, or what makes one.

    `tensors` and `settings` are those of the function's `parameters` that a call of the layer
    takes, and the layer itself. `returned` has, for each thing that the function returned, what it
    is: ("value", its place in what the layer returns, or "" for all of that), ("variable", an
    attribute) or ("moves", the attribute that it moved). `weights` are the attributes in the order
    in which the variables were made, "" for one that is gone. `moves` says whether the layer is
    told `training`, `hung` whether the old update hung on the loss."""

    name: str
    parameters: tuple[str, ...]
    settings: tuple[str, ...]
    tensors: tuple[str, ...]
    returned: tuple[tuple[str, str], ...]
    weights: tuple[str, ...]
    moves: bool
    hung: bool


@dataclass(frozen=True)
class Result:
    """`source` is the new source; `changed` whether it is another one.

    `definitions` gives every function and class at the top (and `<module>` for code outside) one
    word: "native", "compat" (it runs through `portable_losses.compat`), "flagged" (a finding that
    a person has to read) or "unchanged".

    `makers` has the functions at the top that make variables of TensorFlow 1, with the class that
    was put beside each, or "". `layers` has the functions that are gone, with what stands in their
    place.
    """

    source: str
    changed: bool
    changes: list[Change] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    definitions: dict[str, str] = field(default_factory=dict)
    makers: dict[str, str] = field(default_factory=dict)
    layers: dict[str, Layer] = field(default_factory=dict)

"""What the rules know about names, as data.

`k.tsv`, `tf.tsv`: how a call is written in Keras 3, a row for each way; the first that fits counts.

| column | |
|---|---|
| symbol | the old name |
| parameters | of the old function, in order: `name`, `name=default`, `name:=default` (written out, since the new default is another), `old/older` for two names of one, `name:ids` for an index; `*` for any arguments |
| new | the new call. A bare name in it is a parameter; its arguments stand in the new function's order. Empty: `portable_losses.compat` |
| class | R the same numbers, S with a guard; below X, G, T and D |
| when | what must hold, see `_conditions.py` |
| silent | the silent change that is guarded here, see `silent.tsv` |
| note | what a reader should know; after `check: `, what has to be read |

`tf_compat.tsv`: names without a form in keras.ops, of class X, or G, which makes a function part of a
TF1 graph: `portable_losses.compat.tf1` has them; T, which it does not have: TensorFlow 1's alone; and
D, the same for what is no part of a graph.
`name.*` is all that a namespace holds. `keras.tsv`: modules and names that moved; the longest that fits counts.
`silent.tsv`: what may differ without an error, with figures measured.
"""  # noqa: E501  # a row of a table is one line

import csv
import functools
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True)
class Parameter:
    names: tuple[str, ...]
    default: str | None  # None: must be given
    written: bool  # written out even where the old code left it to the default
    ids: bool

    @property
    def name(self) -> str:
        return self.names[0]


@dataclass(frozen=True)
class Row:
    symbol: str
    parameters: tuple[Parameter, ...] | None  # None: any arguments
    new: str
    kind: str
    when: tuple[str, ...]
    silent: str
    note: str


def _lines(name: str) -> list[dict[str, str]]:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return [{key: value or "" for key, value in row.items()} for row in rows]


def _parameter(text: str) -> Parameter:
    names, equal, default = text.partition("=")
    written = names.endswith(":")
    names, ids, _ = names.removesuffix(":").partition(":ids")
    return Parameter(tuple(names.split("/")), default if equal else None, written, bool(ids))


def _row(row: dict[str, str]) -> Row:
    text = row["parameters"]
    parameters = None
    if text not in ("*", "?"):
        parameters = tuple(_parameter(part.strip()) for part in text.split(", ") if part)
    when = tuple(part.strip() for part in row["when"].split(",") if part.strip())
    return Row(
        row["symbol"], parameters, row["new"], row["class"], when, row["silent"], row["note"]
    )


@functools.cache
def calls() -> dict[str, list[Row]]:
    """The rows of every `K` and `tf` name."""
    found: dict[str, list[Row]] = {}
    for name in ("k.tsv", "tf.tsv", "tf_compat.tsv"):
        for line in _lines(name):
            found.setdefault(line["symbol"], []).append(_row(line))
    return found


@functools.cache
def moved() -> dict[str, tuple[str, str]]:
    """Old name in Keras -> new name ("" if it is gone) and a note."""
    return {line["old"]: (line["new"], line["note"]) for line in _lines("keras.tsv")}


@functools.cache
def silent() -> dict[str, tuple[str, str]]:
    """The silent changes: title, and what differs by how much."""
    return {line["id"]: (line["title"], line["differs"]) for line in _lines("silent.tsv")}

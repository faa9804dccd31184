"""Modules of one run, and the names under which one file may import another."""

import ast
import functools
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Place = tuple[str, ...]  # the folders of a module and its name, from the root of the disk
Makers = Mapping[str, str]


def place_of(path: Path) -> Place:
    """A package, with an `__init__` or without one, is where its folder is."""
    place = Path(os.path.abspath(path)).with_suffix("").parts
    return place[:-1] if place[-1] == "__init__" else place


@dataclass(frozen=True)
class Modules:
    """What some modules have that others may import."""

    made: Mapping[Place, Makers] = field(default_factory=dict)
    # The end of such a module's place -> all modules that are found under it.
    known: Mapping[Place, list[Place]] = field(default_factory=dict)

    @classmethod
    def of(cls, paths: Iterable[Path], made: Iterable[Makers]) -> "Modules":
        places = [place_of(path) for path in paths]
        makers: dict[Place, Makers] = {}
        for place, found in zip(places, made, strict=True):
            if found:
                makers[place] = {**makers.get(place, {}), **found}
        known: dict[Place, list[Place]] = {end: [] for place in makers for end in _ends(place)}
        for place in dict.fromkeys(places) if makers else ():
            for end in _ends(place):
                if end in known:
                    known[end].append(place)
        return cls(makers, known)

    def seen_from(self, path: Path) -> dict[str, Makers]:
        """What they have, by the names that `path` would write: `losses` and `package.losses`,
        `.losses` from beside it, `..losses` from the folder below."""
        own, folder = place_of(path), Path(os.path.abspath(path)).parent.parts
        found = {}
        for place, made in self.made.items():
            if place == own:
                continue
            for level in range(1, len(folder) + 1):
                above = folder[: len(folder) + 1 - level]
                if place[: len(above)] == above:
                    found["." * level + ".".join(place[len(above) :])] = made
        for name, places in self.known.items():
            # The nearest, as seen from the folder itself or one above it; else, for whatever path
            # is set there, the one with the most folders shared.
            place = max(places, key=functools.partial(_nearness, name, folder))
            if place in self.made and place != own:
                found[".".join(name)] = self.made[place]
        return found

    def passed_on(self, path: Path, source: str) -> dict[str, str]:
        """What a package takes from its modules, for others to import from it."""
        seen = self.seen_from(path)
        found: dict[str, str] = {}
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom):
                made = seen.get("." * node.level + (node.module or ""), {})
                for alias in node.names:
                    names = made if alias.name == "*" else {alias.name} & made.keys()
                    # The class that is put beside such a function is not passed on.
                    found |= {alias.asname or name: "" for name in names}
        return found


def _nearness(name: Place, folder: Place, place: Place) -> tuple[bool, int]:
    root, shared = place[: -len(name)], 0
    for one, other in zip(root, folder, strict=False):
        if one != other:
            break
        shared += 1
    return shared == len(root), shared


def _ends(place: Place) -> Iterable[Place]:
    return (place[start:] for start in range(1, len(place)))

"""What `migrate` made of the files, and how much of it is proven, as Markdown."""

import collections
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .results import read, results

WORDS = ("native", "read", "compat", "flagged", "unchanged")
TITLES = (
    "native",
    "native, to be read",
    "through compat",
    "to be read, not native",
    "unchanged",
)
FLAGGED = ("read", "flagged")


def lines(work: Path, backends: tuple[str, ...]) -> Iterator[str]:
    if not (work / "migrated.json").exists():
        return
    files = read(work / "migrated.json")
    readable = [row for row in files if "unread" not in row]
    good = [row for row in readable if "crash" not in row]
    yield "| files | |"
    yield "|---|--:|"
    yield f"| read | {len(readable)} |"
    yield f"| rewritten | {len(good)} |"
    yield f"| unchanged by a second rewrite | {sum(not row['again'] for row in good)} |"
    yield f"| no loss and no metric to write by hand | {sum(not row['stopped'] for row in good)} |"
    yield f"| nothing at all to write by hand | {sum(not row['stops'] for row in good)} |"
    yield ""
    words = {key: word for row in good for key, word in row["definitions"].items()}
    yield "| what became of definitions | all | " + " | ".join(TITLES) + " |"
    yield "|---|--:|" + "--:|" * len(TITLES)
    kinds = sorted({key.split("/")[0] for key in words})
    for kind in (*kinds, ""):
        counts = collections.Counter(w for key, w in words.items() if key.startswith(kind))
        total = counts.total()
        cells = [_share(counts[word], total) for word in WORDS]
        yield f"| {kind or 'all'} | {total} | " + " | ".join(cells) + " |"
    yield ""
    found = {b: results(work, f"rewritten_{b}") for b in backends}
    found = {b: rs for b, rs in found.items() if rs}
    yield "| rewrites of what runs there | " + " | ".join(found) + " |"
    yield "|---|" + "--:|" * len(found)
    for name, test in MEASURES.items():
        cells = [
            _share(sum(test(r, words[k]) for k, r in rs.items()), len(rs)) for rs in found.values()
        ]
        yield f"| {name} | " + " | ".join(cells) + " |"
    for word, title in zip(WORDS, TITLES, strict=True):
        cells = []
        for rs in found.values():
            here = [proven(r) for k, r in rs.items() if words[k] == word]
            cells.append(f"{sum(here)} of {len(here)}")
        yield f"| proven equal of those {title} | " + " | ".join(cells) + " |"
    yield ""


def _share(number: int, of: int) -> str:
    if not of:
        return "0"
    percent = f"{100 * number / of:.0f}"
    if percent == "100" and number < of:  # not all
        percent = f"{100 * number / of:.1f}"
    return f"{number} ({percent} %)"


def proven(result: dict[str, Any]) -> bool:
    """The same values, and the same gradient where the old side gave one."""
    return bool(result.get("executes")) and not result["value"] and not result.get("gradient")


def wrong(result: dict[str, Any]) -> bool:
    """Other numbers, without an error."""
    other = str(result.get("gradient") or "").startswith("result")
    return bool(result.get("executes")) and (bool(result["value"]) or other)


MEASURES = {
    "execute": lambda r, word: bool(r.get("executes")),
    "same values": lambda r, word: bool(r.get("executes")) and not r["value"],
    "proven equal: same values, and same gradient if there is one": lambda r, word: proven(r),
    "other numbers, flagged": lambda r, word: wrong(r) and word in FLAGGED,
    "other numbers, not flagged": lambda r, word: wrong(r) and word not in FLAGGED,
}

"""Write the examples of `docs/migrate.md` and `README.md` anew, from the snippets of the tests.

    python tools/migrate_docs.py

The text around an example is written by hand. A block of code that is a snippet's `before` is
followed by "becomes" and a block that this script fills with what the tool makes of it, by `after`
of the snippet; a block of `diff` after a line `<!-- migrate: NAME -->` is the snippet as a diff.
"""

import difflib
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
SNIPPETS = ROOT / "tests" / "codemod" / "snippets"
PAGES = (ROOT / "docs" / "migrate.md", ROOT / "README.md")
PAIR = re.compile(r"```py\n(.*?)```(\n+becomes\n+)```py\n.*?```", re.S)
DIFF = re.compile(r"(<!-- migrate: (\w+) -->\n+)```diff\n.*?```", re.S)


def parts(path: Path) -> dict[str, str]:
    _, *found = re.split(r"^=== (\w+)\n", path.read_text(encoding="utf-8"), flags=re.M)
    return dict(zip(found[::2], found[1::2], strict=True))


def diff(name: str) -> str:
    """A snippet as hunks with a line around each, and without heads."""
    snippet = parts(SNIPPETS / f"{name}.txt")
    before, after = (snippet[key].splitlines(keepends=True) for key in ("before", "after"))
    lines = list(difflib.unified_diff(before, after, n=1))[2:]
    return "".join(re.sub(r"^@@.*", "@@", line) for line in lines)


def written(text: str) -> str:
    after = {s["before"]: s["after"] for s in map(parts, sorted(SNIPPETS.glob("*.txt")))}

    def pair(match: re.Match[str]) -> str:
        before, between = match.groups()
        return (
            f"```py\n{before}```{between}```py\n{after[before]}```" if before in after else match[0]
        )

    text = PAIR.sub(pair, text)
    return DIFF.sub(lambda match: f"{match[1]}```diff\n{diff(match[2])}```", text)


def main() -> None:
    for page in PAGES:
        old = page.read_text(encoding="utf-8")
        if (new := written(old)) != old:
            page.write_text(new, encoding="utf-8")
            print(f"wrote {page.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

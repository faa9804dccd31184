"""The report of a migration as one HTML file that needs nothing else."""

import difflib
import html
from collections.abc import Iterator, Mapping
from pathlib import Path

from portable_losses.codemod import _run, tables
from portable_losses.codemod._result import CHECK, NOTE, SEVERITIES, STOP
from portable_losses.codemod.verify.check import AGREES, DIFFERS, NOT_RUN

WORDS = {
    "native": ("native", "keras.ops and Keras 3 names; the numbers stay"),
    "compat": ("via compat", "runs, through portable_losses.compat"),
    "flagged": ("to be read", "has a finding that a person has to read"),
    "unchanged": ("unchanged", "nothing to do"),
}

STYLE = """
:root { color-scheme: light dark; --line: #d8dee4; --soft: #f6f8fa; --text: #1f2328; --dim: #59636e;
  --back: #fff; --good: #1a7f37; --mid: #0969da; --warn: #9a6700; --bad: #cf222e;
  --add: #dafbe1; --del: #ffebe9; }
@media (prefers-color-scheme: dark) { :root { --line: #3d444d; --soft: #151b23; --text: #f0f6fc;
  --dim: #9198a1; --back: #0d1117; --good: #3fb950; --mid: #4493f8; --warn: #d29922; --bad: #f85149;
  --add: #12261e; --del: #25171c; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back);
  max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.sum { display: flex; flex-wrap: wrap; gap: .75rem; padding: 0; list-style: none; }
.sum li { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem 1rem;
  min-width: 7rem; }
.sum b { display: block; font-size: 1.5rem; line-height: 1.2; }
.dim { color: var(--dim); }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .6rem 0; overflow: hidden; }
summary { cursor: pointer; padding: .5rem .9rem; background: var(--soft); }
summary code { font-weight: 600; }
.body { padding: .25rem .9rem .75rem; }
.tag { border-radius: 1rem; border: 1px solid; padding: 0 .55rem; font-size: .8rem;
  margin-left: .35rem; white-space: nowrap; }
.native, .agrees { color: var(--good); } .compat, .note { color: var(--mid); }
.flagged, .check { color: var(--warn); } .stop, .error, .differs { color: var(--bad); }
.unchanged { color: var(--dim); }
table { border-collapse: collapse; width: 100%; }
td { padding: .25rem .6rem .25rem 0; vertical-align: top; }
td:first-child { white-space: nowrap; width: 1%; } tr + tr td { border-top: 1px solid var(--line); }
pre { overflow-x: auto; font: 13px/1.45 ui-monospace, monospace; background: var(--soft);
  border-radius: .4rem; padding: .5rem 0; }
pre span { display: block; padding: 0 .75rem; white-space: pre; }
.add { background: var(--add); } .del { background: var(--del); } .at { color: var(--dim); }
"""


class Report:
    """Collects outcomes one by one as finished HTML."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read: list[str] = []
        self.done: list[str] = []
        self.failed: list[str] = []
        self.rules: dict[str, int] = {}

    def add(self, outcome: _run.Outcome) -> None:
        for finding in outcome.findings:
            self.rules[finding.rule] = self.rules.get(finding.rule, 0) + 1
        if outcome.error:
            self.failed.append(f"<li class=error>{html.escape(outcome.error)}</li>")
        elif outcome.differs or any(finding.severity != NOTE for finding in outcome.findings):
            self.read.append(_file(outcome))
        elif outcome.changed or outcome.findings:
            self.done.append(_file(outcome))

    def write(self, counts: Mapping[str, int]) -> None:
        self.path.write_text("\n".join(self._page(counts)) + "\n", encoding="utf-8")

    def _page(self, counts: Mapping[str, int]) -> Iterator[str]:
        yield "<!DOCTYPE html><html lang=en><meta charset=utf-8>"
        yield "<meta name=viewport content='width=device-width'><title>Migration to Keras 3</title>"
        yield f"<style>{STYLE}</style><h1>Migration to Keras 3</h1><ul class=sum>"
        for word, label in (("files", "files"), ("changed", "with changes")):
            yield f"<li><b>{counts[word]}</b>{label}</li>"
        for word in ("native", "compat", "flagged"):
            label, meaning = WORDS[word]
            number = counts[f"definitions {word}"]
            yield f"<li class={word} title='{meaning}'><b>{number}</b>{label}</li>"
        for status in (AGREES, DIFFERS, NOT_RUN):
            if any(counts[f"verified {s}"] for s in (AGREES, DIFFERS, NOT_RUN)):
                label, number = VERIFIED[status], counts[f"verified {status}"]
                yield f"<li class={status.split()[0]}><b>{number}</b>{label}</li>"
        if counts["errors"]:
            yield f"<li class=error><b>{counts['errors']}</b>not read</li>"
        yield "</ul><p class=dim>Functions and classes at the top of each file are counted. "
        yield "; ".join(
            f"<b class={word}>{SHORT[word]}</b>: {text}" for word, text in SEVERITIES.items()
        )
        yield "</p>"
        if self.failed:
            yield f"<h2>Could not be read or written</h2><ul>{''.join(self.failed)}</ul>"
        if self.read:
            yield f"<h2>To be read ({len(self.read)})</h2>"
            yield from self.read
        if self.done:
            yield f"<h2>Done ({len(self.done)})</h2>"
            yield from self.done
        silent = [rule for rule in tables.silent() if rule in self.rules]
        if silent:
            yield "<h2>What changes without an error</h2><table>"
            for rule in silent:
                title, differs = tables.silent()[rule]
                where = f"{self.rules[rule]} places"
                yield (
                    f"<tr><td><b>{rule}</b><td><b>{html.escape(title)}</b> "
                    f"<span class=dim>({where})</span><br>{html.escape(differs)}"
                )
            yield "</table>"
        yield "</html>"


VERIFIED = {AGREES: "proven equal", DIFFERS: "with other numbers", NOT_RUN: "not run"}
SHORT = {NOTE: "note", CHECK: "check", STOP: "stop"}


def _file(outcome: _run.Outcome) -> str:
    path = html.escape(outcome.path)
    worst = [f.severity for f in outcome.findings if f.severity != NOTE]
    tags = "".join(
        f"<span class='tag {s}'>{worst.count(s)} {SHORT[s]}</span>"
        for s in (STOP, CHECK)
        if s in worst
    )
    if outcome.differs:
        tags += f"<span class='tag differs'>{VERIFIED[DIFFERS]}</span>"
    opened = " open" if worst or outcome.differs else ""
    parts = [f"<details{opened}><summary><code>{path}</code>{tags}</summary>"]
    parts.append("<div class=body>")
    if outcome.definitions:
        words = "".join(
            f"<span class='tag {word}' title='{WORDS[word][0]}'>{html.escape(name)}</span> "
            for name, word in outcome.definitions.items()
            if word != "unchanged"
        )
        parts.append(f"<p>{words}</p>")
    if outcome.findings:
        order = {STOP: 0, CHECK: 1, NOTE: 2}
        rows = sorted(outcome.findings, key=lambda f: (order[f.severity], f.line))
        parts.append("<table>")
        parts += [
            f"<tr><td class={f.severity}>{SHORT[f.severity]} · {f.rule}<br>"
            f"<span class=dim>{_line(f.place)}</span><td>{_code(f.message)}"
            for f in rows
        ]
        parts.append("</table>")
    if outcome.verified:
        parts.append("<table>")
        parts += [
            f"<tr><td class={v.status.split()[0]}>verify · {v.status}<br>"
            f"<span class=dim>{_line(v.place)}</span><td>{_code(str(v))}"
            for v in outcome.verified
        ]
        parts.append("</table>")
    if outcome.changed:
        parts.append(f"<pre>{''.join(_diff(outcome))}</pre>")
    parts.append("</div></details>")
    return "".join(parts)


def _line(place: str) -> str:
    return place.replace(":", ", line ") if ":" in place else f"line {place}"


def _code(message: str) -> str:
    """Backticks as code."""
    pieces = html.escape(message).split("`")
    return "".join(f"<code>{p}</code>" if n % 2 else p for n, p in enumerate(pieces))


def _diff(outcome: _run.Outcome) -> Iterator[str]:
    kinds = {"+": "add", "-": "del", "@": "at"}
    lines = difflib.unified_diff(outcome.old.splitlines(), outcome.new.splitlines(), lineterm="")
    for number, line in enumerate(lines):
        if number >= 2:
            yield f"<span class={kinds.get(line[:1], 'same')}>{html.escape(line) or ' '}</span>"

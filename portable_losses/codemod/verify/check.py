"""Plan the runs of old definitions and of their rewrites, and judge what they gave."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portable_losses.codemod._result import Layer, place
from portable_losses.codemod.verify.definitions import cut, definitions, parse

AGREES, DIFFERS, NOT_RUN = "agrees", "differs", "not run"
SECONDS = 90  # for one definition on one side
Job = dict[str, Any]
Results = dict[str, dict[str, Any]]


class VerifyError(Exception):
    """Nothing can be verified here, and why."""


@dataclass(frozen=True)
class Verdict:
    """Whether the rewrite of one definition gives the numbers of the old one.

    `status` is "agrees" (on every backend on which it ran), "differs" (or fails where the old
    definition runs) or "not run", with its `reason`. `reference` says who gave the numbers,
    `inputs` on which of our batches, and `backends` in a few words what each backend said.
    """

    name: str
    line: int
    status: str
    reason: str = ""
    reference: str = ""
    inputs: str = ""
    backends: dict[str, str] = field(default_factory=dict)
    cell: int | None = None  # of a notebook, in which `line` counts

    @property
    def place(self) -> str:
        return place(self.line, self.cell)

    def __str__(self) -> str:
        if self.status == NOT_RUN:
            return f"`{self.name}` not run: {self.reason}"
        told = "; ".join(f"{name}: {what}" for name, what in self.backends.items())
        return f"`{self.name}` {self.status} (against {self.reference}): {told}"


def verify(
    files: Iterable[tuple[str, str, str]],
    backends: Sequence[str],
    oracles: Sequence[str] = (),
    *,
    seconds: int = SECONDS,
    tell: Callable[[str], None] = lambda message: None,
    layers: Mapping[str, Mapping[str, Layer]] | None = None,
) -> dict[str, list[Verdict]]:
    """The verdicts for each of `files`: path, old source, new source. `layers` has
    `Result.layers` of each path that has some.

    Raises:
        VerifyError: if no backend works here, or an oracle does not.
    """
    if not hasattr(os, "fork"):
        raise VerifyError(
            "--verify needs Linux or macOS: a definition runs in a process of its own"
        )
    if not backends:
        raise VerifyError("--verify needs a backend: pip install 'portable-losses[jax]'")
    with tempfile.TemporaryDirectory(prefix="portable-losses-") as folder:
        run = _Runs(Path(folder), tell)
        given = layers or {}
        jobs = [job for file in files for job in run.jobs(*file, seconds, given.get(file[0], {}))]
        references: Results = {}
        for python in oracles:
            run.record(f"oracle {python}", [python, str(Path(__file__).parent)], jobs, references)
        ours = [sys.executable, "-P", "-m", __package__]
        broken = {}
        for backend in backends:
            why = run.record(f"compat on {backend}", ours, jobs, references, backend)
            if why:
                broken[backend] = why
        working = [backend for backend in backends if backend not in broken]
        if jobs and not working:
            raise VerifyError("; ".join(f"{b} does not work: {why}" for b, why in broken.items()))
        found = {backend: run.compare(ours, jobs, references, backend) for backend in working}
        verdicts: dict[str, list[Verdict]] = {}
        for job in jobs:
            results = {backend: result.get(job["key"], {}) for backend, result in found.items()}
            verdicts.setdefault(job["file"], []).append(
                _verdict(job, references.get(job["key"], {}), results)
            )
        return verdicts


class _Runs:
    """The processes, and the folder through which they are given jobs and give results."""

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self.folder, self.tell, self.number = folder, tell, 0
        for name in ("sources", "records", "empty"):
            (folder / name).mkdir()

    def jobs(
        self, path: str, old: str, new: str, seconds: int, layers: Mapping[str, Layer]
    ) -> list[Job]:
        found = []
        try:
            before, after = parse(old), parse(new)
        except (ValueError, RecursionError):
            return []
        for definition in definitions(before):
            self.number += 1
            job: Job = {
                "key": str(self.number),
                "file": path,
                "name": definition.name,
                "methods": definition.methods,
                "line": definition.line,
                "seconds": seconds,
                "record": str(self.folder / "records" / f"{self.number}.npz"),
            }
            layer = layers.get(definition.name)
            if layer is None:
                rewrite = cut(after, definition.name, definition.number)
            else:
                rewrite = cut(after, layer.name, 1)
                job["layer"] = dataclasses.asdict(layer)
            for side, text in (
                ("source", definition.old),
                ("compat", definition.compat),
                ("rewrite", rewrite),
            ):
                if text is not None:
                    place = self.folder / "sources" / f"{self.number}_{side}.py"
                    place.write_text(text, encoding="utf-8")
                    job[side] = str(place)
            found.append(job)
        return found

    def record(
        self, who: str, command: list[str], jobs: list[Job], into: Results, backend: str = ""
    ) -> str:
        """Record those that have no record yet. Why it could not begin, if it could not."""
        left = [job for job in jobs if not into.get(job["key"], {}).get("runs")]
        try:
            found = self._run(command, "record" if backend else "oracle", left, who, backend)
        except VerifyError as error:
            if not backend:
                raise
            return str(error)
        for key, result in found.items():
            # The first reason stays: the later ones are those of a second choice.
            if result.get("runs") or key not in into:
                into[key] = {"by": who} | result
        return ""

    def compare(
        self, command: list[str], jobs: list[Job], references: Results, backend: str
    ) -> Results:
        ready = [job for job in jobs if references.get(job["key"], {}).get("runs")]
        return self._run(command, "compare", ready, f"rewrites on {backend}", backend)

    def _run(
        self, command: list[str], side: str, jobs: list[Job], who: str, backend: str
    ) -> Results:
        if not jobs:
            return {}
        self.tell(f"{who}: {len(jobs)} definition{'s' * (len(jobs) > 1)}")
        self.number += 1
        todo, done = (self.folder / f"{self.number}_{name}.json" for name in ("jobs", "results"))
        todo.write_text(json.dumps(jobs), encoding="utf-8")
        try:
            ended = subprocess.run(
                [*command, side, str(todo), str(done)],
                cwd=self.folder / "empty",
                env=_environment(backend),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise VerifyError(f"{command[0]}: {error.strerror}") from None
        if not done.exists():  # it ended before its first job
            lines = ended.stderr.strip().splitlines() or [f"status {ended.returncode}"]
            raise VerifyError(f"{command[0]}: {lines[-1]}" if not backend else lines[-1])
        results = map(json.loads, done.read_text(encoding="utf-8").splitlines())
        return {result.pop("key"): result for result in results}


def _environment(backend: str) -> dict[str, str]:
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    for name in ("PYTHONPATH", "PYTHONHOME"):  # they are this Python's
        paths = env.pop(name, "")
        if backend and paths:
            env[name] = os.pathsep.join(map(os.path.abspath, paths.split(os.pathsep)))
    if backend:
        env |= {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    return env


def _verdict(job: Job, reference: dict[str, Any], results: dict[str, dict[str, Any]]) -> Verdict:
    name, line = job["name"], job["line"]
    if not reference.get("runs"):
        return Verdict(name, line, NOT_RUN, _words(reference.get("error", "nothing was tried")))
    if "rewrite" not in job:
        return Verdict(name, line, NOT_RUN, "the rewrite has no definition of that name")
    told = {
        backend: _judge(result, bool(reference["random"])) for backend, result in results.items()
    }
    statuses = {status for status, _ in told.values()}
    status = next((s for s in (DIFFERS, AGREES, NOT_RUN) if s in statuses), NOT_RUN)
    words = {backend: word for backend, (_, word) in told.items()}
    reason = "; ".join(f"{b}: {word}" for b, word in words.items()) if status == NOT_RUN else ""
    return Verdict(name, line, status, reason, reference["by"], reference.get("scheme", ""), words)


def _judge(result: dict[str, Any], random: bool) -> tuple[str, str]:
    """The status of a rewrite on one backend, and a few words."""
    old, new = (result.get(side, result) for side in ("compat", "rewrite"))
    if not new.get("executes"):
        why = _words(new.get("error", "no result"))
        if old.get("executes"):
            return DIFFERS, f"fails, where the old definition runs through compat: {why}"
        return NOT_RUN, why
    if new["value"]:
        return DIFFERS, new["value"]
    if random:
        return AGREES, "runs; it is random"
    gradient = new.get("gradient")
    if gradient is None:
        return AGREES, "values"
    if not gradient:
        return AGREES, "values and gradients"
    if gradient.startswith("result") or old.get("gradient") == "":
        return DIFFERS, f"gradient: {gradient}"
    return AGREES, f"values; no gradient: {gradient}"


def _words(error: Any) -> str:
    if isinstance(error, str):
        return error
    if error["type"] == "NotAvailable":
        return str(error["text"])
    return f"{error['type']}: {error['text']}"

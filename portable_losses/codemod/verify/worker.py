"""Run definitions on one side, each file in a process of its own. Runs on Python 3.7 too.

    python -m portable_losses.codemod.verify SIDE JOBS.json RESULTS.jsonl
    python3.7 .../codemod/verify oracle JOBS.json RESULTS.jsonl

`oracle` is TensorFlow 1.15 in graph mode or Keras 2.15, whichever this Python has, and `record` is
`portable_losses.compat`: they look for inputs that a definition runs with, and record inputs,
results and gradients. `compare` runs the definition and its rewrite with what was recorded. The
backend is the one that KERAS_BACKEND names.
"""

# ruff: noqa: UP035  # of later Pythons than this runs on

from __future__ import annotations

import importlib
import json
import os
import signal
import time
import traceback
import warnings
from typing import Any, Callable

from .calls import told

SECONDS, GIGABYTES = 90, 16
Run = Callable[[Any], Any]

warnings.simplefilter("ignore")


def main(side: str, jobs: str, results: str) -> None:
    module, name = {
        "oracle": ("oracle", "run"),
        "record": ("record", "run"),
        "compare": ("replay", "compare"),
    }[side]
    run(getattr(importlib.import_module("." + module, __package__), name), jobs, results)


def run(function: Run, jobs: str, results: str) -> None:
    """`function` of each job; what is imported by now is imported once: a fork takes no time."""
    with open(jobs) as file:
        todo = json.load(file)
    open(results, "a").close()  # says that the imports went well
    for name in sorted({job["file"] for job in todo}):
        left = [job for job in todo if job["file"] == name]
        while left:
            done = in_a_process(function, left, results)
            if done < len(left):  # it died on this one
                report(results, left[done], error="the process ended or ran out of time")
            left = left[done + 1 :]


def in_a_process(function: Run, jobs: list[Any], results: str) -> int:
    """How many of `jobs` got a result; a process for all of them."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        limit_memory()
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        if not os.environ.get("CORPUS_TALKS"):
            os.dup2(silent, 2)
        signal.signal(signal.SIGALRM, expire)
        for job in jobs:
            signal.alarm(job.get("seconds", SECONDS))
            try:
                found = function(job)
            except BaseException as error:
                found = {"error": explain(error)}
            signal.alarm(0)
            report(results, job, **found)
            os.write(write, b".")
        os._exit(0)
    os.close(write)
    end = time.time() + sum(job.get("seconds", SECONDS) + 20 for job in jobs)
    while time.time() < end and os.waitpid(child, os.WNOHANG) == (0, 0):
        time.sleep(0.02)
    try:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    except (ProcessLookupError, ChildProcessError):
        pass
    done = len(os.read(read, 4096))
    os.close(read)
    return done


def limit_memory() -> None:
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES << 30, GIGABYTES << 30))
    except (ValueError, OSError):  # macOS has no such limit
        pass


def expire(*_: Any) -> None:
    raise TimeoutError("it takes more time than is given to it")


def report(results: str, job: Any, **found: Any) -> None:
    with open(results, "a") as file:
        file.write(json.dumps(dict(key=job["key"], **found)) + "\n")


def explain(error: BaseException) -> dict[str, str]:
    """The last line of an error and where in the definition it arose."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/sources/" in f.filename]
    return {
        "type": type(error).__name__,
        "text": told(error),
        "line": frames[-1].line[:200] if frames and frames[-1].line else "",
    }

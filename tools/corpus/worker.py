"""Run definitions on one side, each file in a process of its own. Runs on Python 3.7 too.

    python worker.py {graph|eager|new} JOBS.json RESULTS.jsonl

`graph` is TensorFlow 1.15 in graph mode and `eager` Keras 2.15: they look for inputs that a
definition runs with, and record inputs, results and gradients. `new` takes what they recorded and
runs the definition through `portable_losses.compat`, on the backend that KERAS_BACKEND names.
"""

import json
import os
import resource
import signal
import sys
import time
import traceback
import warnings

SECONDS, GIGABYTES = 90, 16

warnings.simplefilter("ignore")


def main(side, jobs, results):
    with open(jobs) as file:
        jobs = json.load(file)
    run = import_side(side)  # once: a fork per file then starts in no time
    for name in sorted({job["file"] for job in jobs}):
        left = [job for job in jobs if job["file"] == name]
        while left:
            done = in_a_process(run, left, results)
            if done < len(left):  # it died on this one
                report(results, left[done], error="the process ended or ran out of time")
            left = left[done + 1 :]


def in_a_process(run, jobs, results):
    """How many of `jobs` got a result; a process for all of them."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES << 30, GIGABYTES << 30))
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        if not os.environ.get("CORPUS_TALKS"):
            os.dup2(silent, 2)
        signal.signal(signal.SIGALRM, expire)
        for job in jobs:
            signal.alarm(SECONDS)
            try:
                found = run(job)
            except BaseException as error:
                found = {"error": explain(error)}
            signal.alarm(0)
            report(results, job, **found)
            os.write(write, b".")
        os._exit(0)
    os.close(write)
    end = time.time() + (SECONDS + 20) * len(jobs)
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


def expire(*_):
    raise TimeoutError(f"more than {SECONDS} seconds")


def report(results, job, **found):
    with open(results, "a") as file:
        file.write(json.dumps(dict(key=job["key"], **found)) + "\n")


def explain(error):
    """The last line of an error and where in the definition it arose."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/sources/" in f.filename]
    from corpus.calls import told

    return {
        "type": type(error).__name__,
        "text": told(error),
        "line": frames[-1].line[:200] if frames and frames[-1].line else "",
    }


def import_side(side):
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != here]
    tools = os.path.dirname(here)
    sys.path += [tools, os.path.dirname(tools)]  # last: the installed package comes first
    if side == "new":
        from corpus.new import run
    else:
        from corpus import old

        run = getattr(old, "run_" + side)
    return run


if __name__ == "__main__":
    main(*sys.argv[1:])

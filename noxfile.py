"""`nox` runs all that a change must pass; `nox -l` lists the sessions, `nox -s NAME` runs one.

Every backend has an environment that holds no other one, and the installed wheel is what is
tested there: a module missing from it, or an import of the wrong backend, fails at once.
"""

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.10"
nox.options.sessions = ["lint", "types", "wheel", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = False

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
BACKENDS = ("tensorflow", "jax", "torch")
# The lowest Keras that passes, found by trying and declared in pyproject.toml, with a backend of
# its days: Keras pins none, and an old Keras meets a new backend's removals.
OLDEST = {
    "tensorflow": ("keras==3.6.0", "tensorflow==2.18.0"),
    "jax": ("keras==3.6.0", "jax==0.4.31", "jaxlib==0.4.31"),
    "torch": ("keras==3.6.0", "torch==2.13.0"),
}

# JAX compiles every operation that a test calls, which is half of the time. What a test compiles on
# purpose asks for the optimisations that users get (tests/autodiff.py).
QUICK_XLA = (
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false "
    "--xla_cpu_parallel_codegen_split_count=1"
)
# Where one session leaves the figures that another shows beside its own.
TF1_FIGURES = ROOT / ".nox" / "figures" / "center_update_tf1.json"
TF1_SESSION = ROOT / ".nox" / "figures" / "session_step_tf1.json"
PEER_FIGURES = {peer: TF1_FIGURES.with_name(f"{peer}.json") for peer in ("tfa", "pml")}
# TensorFlow Addons' last release, and the last TensorFlow and Keras that it works with.
TFA = ("tensorflow==2.15.1", "tensorflow-addons==0.23.0")

parametrize_backend = nox.parametrize("backend", BACKENDS, ids=BACKENDS)


def group(name: str) -> tuple[str, ...]:
    """A dependency group of pyproject.toml."""
    return nox.project.dependency_groups(PROJECT, name)


def environment(backend: str) -> dict[str, str]:
    """On the CPU and without TensorFlow's start-up messages."""
    return {"KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}


def install(session: nox.Session, *packages: str) -> None:
    """Install `packages` (`.[extra]` among them) as tested: never editable."""
    # setuptools would ship what an earlier build left here, modules since deleted included.
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    # Python compiles what is imported; all of TensorFlow takes pip longer than some tests do.
    session.install("--no-compile", "-c", "constraints.txt", *packages)


def require_only(session: nox.Session, backend: str) -> None:
    """Fail if another backend can be imported in this environment."""
    others = [name for name in BACKENDS if name != backend]
    code = f"from importlib.util import find_spec; assert not list(filter(find_spec, {others}))"
    session.run("python", "-c", code, silent=True)


def run_tests(session: nox.Session, backend: str, env: dict[str, str] | None = None) -> None:
    """All tests, a process per core; `nox -s ... -- -n0` for one process and a debugger."""
    require_only(session, backend)
    single = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    command = ("pytest", "-q", "-n", "auto", "--dist", "loadgroup", *session.posargs)
    session.run(*command, env=environment(backend) | single | (env or {}))


@nox.session
@parametrize_backend
def tests(session: nox.Session, backend: str) -> None:
    """The test suite on one backend, with the newest Keras."""
    install(session, f".[{backend}]", *group("test"))
    run_tests(session, backend, {"XLA_FLAGS": QUICK_XLA} if backend == "jax" else {})


@nox.session
@parametrize_backend
def oldest(session: nox.Session, backend: str) -> None:
    """The test suite on one backend, with the lowest Keras that pyproject.toml declares."""
    install(session, *OLDEST[backend], f".[{backend}]", *group("test"))
    run_tests(session, backend)


@nox.session
def wheel(session: nox.Session) -> None:
    """Build sdist and wheel, compare both with the tree, use the wheel away from the tree."""
    folder = Path(session.create_tmp())
    dist = folder / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.install("build", "pytest")
    # First the sdist, then the wheel from it: a file missing from the first is missed in both.
    session.run("python", "-m", "build", "--outdir", str(dist), str(ROOT), silent=True)
    (built,) = dist.glob("*.whl")
    # JAX is the lightest backend, and Keras' NumPy backend imports it too. OpenVINO only infers.
    session.install("-c", "constraints.txt", f"{built}[jax]", "openvino")
    session.install("--force-reinstall", "--no-deps", str(built))
    session.run(
        "pytest",
        "-q",
        "tests/test_wheel.py",
        "tests/test_imports.py",
        "tests/test_no_backend.py",
        env=environment("jax") | {"PORTABLE_LOSSES_DIST": str(dist)},
    )
    session.chdir(folder)
    for backend in ("jax", "numpy", "openvino"):
        session.run("python", "-P", str(ROOT / "tests/smoke.py"), env=environment(backend))


@nox.session
def lint(session: nox.Session) -> None:
    """ruff: rules and format."""
    session.install("-c", "constraints.txt", *group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """mypy over the installed wheel, where `portable_losses.compat` has its name."""
    install(session, ".", *group("types"))
    session.chdir(session.create_tmp())  # in the tree, mypy would take the tree's own files
    config = ROOT / "pyproject.toml"
    session.run("mypy", f"--config-file={config}", "-p", "portable_losses", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """The main job: center loss on images of digits; a table and a picture. With `-- --legacy`, a
    program of TensorFlow 1 migrated, trained and compared.

    After `--` come options of `portable-losses demo`; the backend that `--backend` names is
    installed, JAX without it.
    """
    options = session.posargs
    backend = options[options.index("--backend") + 1] if "--backend" in options else "jax"
    install(session, f".[{backend},demo,migrate]")
    session.run("portable-losses", "demo", *options, env=environment(backend))


@nox.session
@parametrize_backend
def bench(session: nox.Session, backend: str) -> None:
    """Time of value and gradient beside Keras' own losses, as ratios."""
    install(session, f".[{backend}]")
    session.run("python", "-m", "benchmarks.losses", *session.posargs, env=environment(backend))


@nox.session(python="3.7", venv_backend="venv")
def bench_centers_tf1(session: nox.Session) -> None:
    """Time of a step of center loss on TensorFlow 1.15, for `bench_centers`. Needs `python3.7`."""
    session.install("--upgrade", "pip")
    session.install("tensorflow==1.15.5", "protobuf<3.21")
    TF1_FIGURES.parent.mkdir(exist_ok=True)
    session.run("python", "benchmarks/center_update_tf1.py", str(TF1_FIGURES))
    session.run("python", "benchmarks/session_step.py", str(TF1_SESSION))


@nox.session
@parametrize_backend
def bench_centers(session: nox.Session, backend: str) -> None:
    """Time and memory of a step of center loss, from a thousand classes to a million."""
    install(session, f".[{backend}]")
    command = ("python", "-m", "benchmarks.center_update", "--tf1", str(TF1_FIGURES))
    session.run(*command, *session.posargs, env=environment(backend))


@nox.session
@parametrize_backend
def bench_graph(session: nox.Session, backend: str) -> None:
    """Time of a step of a TF1 center loss in `fit` and in a session, beside our own."""
    install(session, f".[{backend}]")
    command = ("python", "-m", "benchmarks.graph_loss", "--tf1", str(TF1_SESSION))
    session.run(*command, *session.posargs, env=environment(backend))


@nox.session
@parametrize_backend
def bench_partial(session: nox.Session, backend: str) -> None:
    """Time and memory of a step of ArcFace with all classes and with a share of them."""
    install(session, f".[{backend}]")
    command = ("python", "-m", "benchmarks.partial_fc", *session.posargs)
    session.run(*command, env=environment(backend))


@nox.session(python="3.11")
def bench_embedding_tfa(session: nox.Session) -> None:
    """Time and memory of TensorFlow Addons' losses of embeddings, for `bench_embedding`."""
    session.install(*TFA)
    PEER_FIGURES["tfa"].parent.mkdir(exist_ok=True)
    command = ("benchmarks/embedding_peers.py", "tfa", str(PEER_FIGURES["tfa"]))
    session.run("python", *command, *session.posargs, env=environment("tensorflow"))


@nox.session
def bench_embedding_pml(session: nox.Session) -> None:
    """The same of pytorch-metric-learning's."""
    session.install("-c", "constraints.txt", "torch", "pytorch-metric-learning==2.9.0")
    PEER_FIGURES["pml"].parent.mkdir(exist_ok=True)
    command = ("benchmarks/embedding_peers.py", "pml", str(PEER_FIGURES["pml"]))
    session.run("python", *command, *session.posargs, env=environment("torch"))


@nox.session
@parametrize_backend
def bench_embedding(session: nox.Session, backend: str) -> None:
    """Time and memory of losses of embeddings, beside those of the peers measured before.

    `-- --blocks 512 --batches 32768` measures NT-Xent, SupCon and SigLIP by blocks of anchors.
    """
    install(session, f".[{backend}]")
    command = ("python", "-m", "benchmarks.embedding", *session.posargs, "--peers")
    session.run(*command, *map(str, PEER_FIGURES.values()), env=environment(backend))


@nox.session
@parametrize_backend
def examples(session: nox.Session, backend: str) -> None:
    """Every loss with state trains on digits to a stated accuracy, and resumes from a file."""
    install(session, f".[{backend}]", "scikit-learn")
    session.run("python", "examples/digits.py", *session.posargs, env=environment(backend))


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, into site/; a broken link or name is an error."""
    session.install("-c", "constraints.txt", *group("docs"))
    install(session, "--no-deps", ".")  # mkdocstrings reads it, and imports nothing
    session.run("mkdocs", "build", "--strict", *session.posargs)


@nox.session(python="3.7", venv_backend="venv")  # newer virtualenv cannot make one
def oracle_tf1(session: nox.Session) -> None:
    """Record the golden figures of TensorFlow 1.15 again and compare. Needs `python3.7`."""
    session.install("--upgrade", "pip")
    session.install("tensorflow==1.15.5", "protobuf<3.21", "h5py<3", "scikit-learn")
    new = Path(session.create_tmp()) / "golden"
    shutil.rmtree(new, ignore_errors=True)
    recorders = ("record_tf1", "record_tf1_centers", "record_tf1_programs", "record_tf1_ops")
    recorders += ("record_tf1_documents", "record_tf1_layers", "record_legacy_demo")
    for recorder in recorders:
        session.run("python", f"tests/oracles/{recorder}.py", "--out", str(new), silent=True)
    compare = ("tests/oracles/compare.py", str(new))
    prefixes = ("center_", "joint_", "programs", "tf1_ops_", "document_", "codemod_layers")
    session.run("python", *compare, "tests/oracles/golden", *prefixes)
    session.run("python", *compare, "portable_losses/_legacy", "digits_")


@nox.session
def oracle_pml(session: nox.Session) -> None:
    """Record the golden figures of pytorch-metric-learning again and compare."""
    session.install("-c", "constraints.txt", "torch", "pytorch-metric-learning==2.9.0")
    new = Path(session.create_tmp()) / "golden"
    shutil.rmtree(new, ignore_errors=True)
    for recorder in ("record_pml", "record_pml_miners"):
        session.run("python", f"tests/oracles/{recorder}.py", "--out", str(new), silent=True)
    compare = ("tests/oracles/compare.py", str(new), "tests/oracles/golden")
    session.run("python", *compare, "pml_", "miners_pml")


@nox.session(python="3.11")
def oracle_views(session: nox.Session) -> None:
    """Record the golden figures of OpenCLIP, sentence-transformers and lightly again; compare."""
    session.install("-c", "constraints.txt", "torch==2.13.0", "sentence-transformers==6.2.0")
    # Of these two the files with the losses are all that is imported.
    session.install("--no-deps", "open-clip-torch==3.3.0", "lightly==1.6.0")
    new = Path(session.create_tmp()) / "golden"
    shutil.rmtree(new, ignore_errors=True)
    session.run("python", "tests/oracles/record_views.py", "--out", str(new), silent=True)
    session.run("python", "tests/oracles/compare.py", str(new), "tests/oracles/golden", "views_")


@nox.session(python="3.11")
def oracle_tfa(session: nox.Session) -> None:
    """Record the golden figures of TensorFlow Addons again and compare. Needs `python3.11`."""
    session.install(*TFA)
    new = Path(session.create_tmp()) / "golden"
    shutil.rmtree(new, ignore_errors=True)
    command = ("python", "tests/oracles/record_tfa.py", "--out", str(new))
    session.run(*command, silent=True, env=environment("tensorflow"))
    session.run("python", "tests/oracles/compare.py", str(new), "tests/oracles/golden", "tfa_")


@nox.session(python="3.11")
def oracle_tfsim(session: nox.Session) -> None:
    """Record the golden figures of TensorFlow Similarity again and compare. Needs `python3.11`."""
    session.install("tensorflow==2.15.1", "tensorflow-similarity==0.17.1")
    new = Path(session.create_tmp()) / "golden"
    shutil.rmtree(new, ignore_errors=True)
    command = ("python", "tests/oracles/record_tfsim.py", "--out", str(new))
    session.run(*command, silent=True, env=environment("tensorflow"))
    session.run("python", "tests/oracles/compare.py", str(new), "tests/oracles/golden", "tfsim_")


@nox.session(python="3.11")  # the newest that TensorFlow 2.15 has
def oracle_keras2(session: nox.Session) -> None:
    """Record the golden figures of Keras 2.15 again and compare. Needs `python3.11`."""
    session.install("tensorflow==2.15.1")
    new = Path(session.create_tmp()) / "golden"
    shutil.rmtree(new, ignore_errors=True)
    env = {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    for recorder in ("record_keras2.py", "record_keras2_losses.py"):
        record = (f"tests/oracles/{recorder}", "--out", str(new))
        session.run("python", *record, silent=True, env=env)
    session.run("python", "tests/oracles/compare.py", str(new), "tests/oracles/golden", "keras2_")


@nox.session
def mutation(session: nox.Session) -> None:
    """Faults put into the statements of the codemod's rules, and which of them no test notices.

    After `--` come names of rules; without, all are taken, which takes long.
    """
    install(session, ".[torch,migrate]", *group("test"))  # no backend starts quicker
    session.chdir(ROOT / "tools")
    session.run("python", "-m", "mutation", *session.posargs, env=environment("torch"))


# Where the files of old code are, and what is recorded of them; both outside of the repository.
CORPUS = Path(os.environ.get("PORTABLE_LOSSES_CORPUS", "/nonexistent"))
CORPUS_WORK = ROOT / ".nox" / "corpus-work"


def run_corpus(session: nox.Session, *command: str, env: dict[str, str] | None = None) -> None:
    """A command of tools/corpus, from its folder."""
    if not CORPUS.is_dir():
        session.skip("PORTABLE_LOSSES_CORPUS names no folder of old code")
    CORPUS_WORK.mkdir(parents=True, exist_ok=True)
    session.chdir(ROOT / "tools")
    session.run("python", *command, env=env)


@nox.session(venv_backend="venv")
@nox.parametrize(
    "python, side, packages",
    [
        ("3.7", "graph", ("tensorflow==1.15.5", "protobuf<3.21", "h5py<3")),
        ("3.11", "eager", ("tensorflow==2.15.1", "tensorflow-addons==0.23.0")),
    ],
    ids=["tf1", "keras2"],
)
def corpus_old(session: nox.Session, side: str, packages: tuple[str, ...]) -> None:
    """Record what old losses and metrics compute on TensorFlow 1.15 and on Keras 2.15."""
    session.install("--upgrade", "pip")
    session.install(*packages)
    jobs, found = CORPUS_WORK / f"jobs_{side}.json", CORPUS_WORK / f"results_{side}.jsonl"
    if not jobs.exists():
        session.error("first `nox -s corpus_prepare`")
    found.unlink(missing_ok=True)
    run_corpus(session, "corpus/worker.py", side, str(jobs), str(found))


@nox.session
def corpus_prepare(session: nox.Session) -> None:
    """Cut the files of old code that PORTABLE_LOSSES_CORPUS holds into definitions."""
    install(session, ".[migrate]")
    run_corpus(session, "-m", "corpus", "prepare", str(CORPUS), str(CORPUS_WORK))


@nox.session
@parametrize_backend
def corpus(session: nox.Session, backend: str) -> None:
    """Run what ran on the old frameworks through `portable_losses.compat`, and what `migrate`
    makes of it; print the tables. After `--`, `new` or `rewritten` for one of the two."""
    install(session, f".[{backend},migrate]")
    run_corpus(session, "-m", "corpus", "choose", str(CORPUS_WORK))
    run_corpus(session, "-m", "corpus", "migrate", str(CORPUS), str(CORPUS_WORK))
    env = environment(backend) | {"XLA_FLAGS": QUICK_XLA if backend == "jax" else ""}
    for side in session.posargs or ("new", "rewritten"):
        name = backend if side == "new" else f"{side}_{backend}"
        jobs, found = CORPUS_WORK / f"jobs_{side}.json", CORPUS_WORK / f"results_{name}.jsonl"
        found.unlink(missing_ok=True)
        run_corpus(session, "corpus/worker.py", side, str(jobs), str(found), env=env)
    run_corpus(session, "-m", "corpus", "report", str(CORPUS_WORK))

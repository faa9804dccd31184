"""The arrows of the house, read from the source: who may import whom.

    cli, _demo -> all    codemod -> libcst and itself    compat -> public names
    codemod.verify, whose modules run code in processes of their own -> keras, numpy, _backend
    training, plot -> metrics, losses -> miners -> _pairwise -> _distances, _reduction -> _numerics
    -> _inputs -> _backend

Nothing of the core imports `compat`, only `_backend` names a backend, and a package reaches into
another one by its public names or its `_base`.
"""

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
US = "portable_losses"
BACKENDS = {"tensorflow", "jax", "jaxlib", "torch", "openvino"}
# From the ground up. A module imports from its own package and from what stands below.
LADDER = (
    "_typing",
    "_environment",
    "_backend",
    "_catalogue",
    "_inputs",
    "_numerics",
    "_reduction",
    "_distances",
    "_pairwise",
    "miners",
    "losses",
    "metrics",
    "training",
    "plot",
    "codemod",
)
PACKAGES = {"miners", "losses", "metrics", "training", "plot", "codemod"}
# The root package, the command line and its demos stand above all and may import all.
TOP = {"", "cli", "_demo", "_demo_legacy", "_legacy"}
# All of the core that compat may use. `_backend` is private, but it holds what differs between
# backends, and importing it first is what explains a missing one.
FOR_COMPAT = {"losses", "metrics", "training", "_backend"}
# `keras.src` is not public. These reach for it all the same, each with its reason beside it.
PRIVATE_KERAS = {"_backend", "_reduction"}
# Modules of `migrate --verify` that the command itself never imports: they run old code and new.
PROCESSES = {
    f"{US}.codemod.verify.{name}"
    for name in ("calls", "inputs", "search", "oracle", "replay", "record")
}
# An old Python runs it, whose TensorFlow is no backend of Keras 3 but the reference. It may name
# that one, and no module may import it.
ORACLE = f"{US}.codemod.verify.oracle"


def modules() -> dict[str, tuple[Path, str]]:
    """The file and the source of every module by its import name."""
    found = {}
    for folder, package in ((US, US), ("compat", f"{US}.compat")):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            name = ".".join((package, *parts)).removesuffix(".__init__")
            found[name] = (path, path.read_text(encoding="utf-8"))
    return found


MODULES = modules()


def imports(name: str, source: str, is_package: bool = False) -> Iterator[str]:
    """What a module imports, as `package.module` or `package.module.name`; what is only imported
    for type checkers does not count."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [node.module] if node.module else []
            if node.level:
                up = node.level - is_package
                base = [*name.split(".")[: -up or None], *base]
            yield from (".".join((*base, alias.name)) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (a.value for a in node.args if isinstance(a, ast.Constant))


def inner(name: str) -> list[str]:
    """The parts of a name of ours below the root package."""
    return name.split(".")[1:]


def faults(name: str, source: str, is_package: bool = False) -> list[str]:
    """The imports of a module that go against an arrow."""
    found = []
    own = inner(name)[0] if inner(name) else ""
    for target in imports(name, source, is_package):
        top = target.split(".")[0]
        if top in BACKENDS and own != "_backend" and name != ORACLE:
            found.append(f"{name} names a backend: {target}")
        if f"{target}.".startswith(f"{ORACLE}."):
            found.append(f"{name} imports what an old Python runs: {target}")
        if target.startswith("keras.src") and own not in PRIVATE_KERAS:
            found.append(f"{name} uses what Keras keeps to itself: {target}")
        process = name in PROCESSES
        known = {US, "libcst"} | ({"numpy", "keras"} if process else set())
        known |= BACKENDS if process else set()  # the first check names those
        if own == "codemod" and top not in known | sys.stdlib_module_names:
            found.append(f"{name} imports more than libcst: {target}")
        if top == "compat":
            found.append(f"{name} imports a second copy of {US}.compat: {target}")
        if top != US or own in TOP or not inner(target):
            continue
        their, *rest = inner(target)
        if their == own:
            continue
        if own == "compat":
            allowed = their in FOR_COMPAT
        elif own == "codemod":
            allowed = process and their == "_backend"
        else:
            allowed = their in LADDER and LADDER.index(their) < LADDER.index(own)
        private = (
            their in PACKAGES and bool(rest) and rest[0].startswith("_") and rest[0] != "_base"
        )
        if not allowed or private or (own == "compat" and rest and rest[0] == "_base"):
            found.append(f"{name} imports against the arrows: {target}")
    return found


@pytest.mark.parametrize("name", MODULES)
def test_imports_follow_the_arrows(name):
    path, source = MODULES[name]
    assert faults(name, source, path.name == "__init__.py") == []


def test_every_part_of_the_core_has_its_rung():
    parts = {inner(name)[0] for name in MODULES if inner(name)} - {"compat"}
    assert parts <= {*LADDER, *TOP}


@pytest.mark.parametrize("part", sorted(PRIVATE_KERAS))
def test_private_keras_is_still_needed(part):
    assert any(
        target.startswith("keras.src")
        for name, (_, source) in MODULES.items()
        if part in inner(name)[:1]
        for target in imports(name, source)
    ), f"{part} no longer imports keras.src: take it off PRIVATE_KERAS"


def test_within_compat_siblings_are_relative():
    # The folder has another name in the tree than when installed; this is right in both.
    for name, (path, source) in MODULES.items():
        if "compat" in inner(name)[:1]:
            for node in ast.walk(ast.parse(source)):
                module = getattr(node, "module", None) or ""
                assert not module.startswith(f"{US}.compat"), f"{path.name}: from {module} import"


def test_references_use_numpy_alone():
    for path in (ROOT / "tests" / "references").rglob("*.py"):
        for target in imports("tests.references." + path.stem, path.read_text(encoding="utf-8")):
            known = {"numpy"} | sys.stdlib_module_names
            ours = target.startswith("tests.references")
            assert ours or target.split(".")[0] in known, f"{path.name} imports {target}"


def test_compat_is_imported_once_under_one_name():
    importlib.import_module(f"{US}.compat")
    assert "compat" not in sys.modules


@pytest.mark.parametrize(
    ("name", "source"),
    [
        pytest.param("losses._huber", "import torch", id="backend"),
        pytest.param("losses._huber", "def f():\n    from jax import numpy", id="lazily"),
        pytest.param("_numerics", "importlib.import_module('tensorflow')", id="by string"),
        pytest.param("compat.K", "import tensorflow as tf", id="backend in compat"),
        pytest.param("losses._huber", "from portable_losses import compat", id="core to compat"),
        pytest.param("losses._huber", "import compat", id="second copy"),
        pytest.param("_inputs", "from portable_losses._numerics import sqrt", id="upwards"),
        pytest.param("losses._huber", "from ..training import LossModel", id="relative, upwards"),
        pytest.param(
            "metrics._f1", "from portable_losses.losses._huber import huber", id="private"
        ),
        pytest.param(
            "metrics._f1", "from portable_losses.losses import _huber", id="private module"
        ),
        pytest.param("compat.K", "from portable_losses._inputs import as_pair", id="private core"),
        pytest.param(
            "compat.K", "from portable_losses.losses._base import Loss", id="private base"
        ),
        pytest.param("codemod.rules", "import keras", id="codemod with keras"),
        pytest.param("codemod.verify.check", "import numpy", id="the command with numpy"),
        pytest.param("codemod.verify.replay", "import tensorflow", id="a backend in codemod"),
        pytest.param("codemod.verify.record", "from . import oracle", id="the oracle"),
        pytest.param("codemod.rules", "from portable_losses import losses", id="codemod with us"),
        pytest.param("metrics._f1", "from keras.src import backend", id="private keras"),
    ],
)
def test_the_check_can_fail(name, source):
    assert len(faults(f"{US}.{name}", source)) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("losses._huber", "from portable_losses._numerics import sqrt"),
        ("losses._huber", "from ._base import Loss"),
        ("training._model", "from portable_losses.losses._base import register"),
        ("compat.K", "from portable_losses.losses import huber\nfrom ._names import ALL"),
        ("codemod.rules", "import ast, libcst\nfrom portable_losses.codemod import _tables"),
        ("codemod.verify.replay", "import keras, numpy\nfrom portable_losses import _backend"),
        ("codemod.verify.oracle", "import tensorflow"),
        ("_backend._jax", "import jax"),
        ("_reduction", "if TYPE_CHECKING:\n    from portable_losses import losses"),
    ],
)
def test_the_check_lets_pass(name, source):
    assert faults(f"{US}.{name}", source) == []

"""The wheel and the sdist hold what the tree holds. `nox -s wheel` builds both and says where in
PORTABLE_LOSSES_DIST; without it conftest.py does not collect this file."""

import email
import os
import tarfile
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import portable_losses

ROOT = Path(__file__).parent.parent
FOLDERS = {"portable_losses": "portable_losses", "compat": "portable_losses/compat"}


def tree(folders=FOLDERS):
    """The files of the package, by the place they are installed to."""
    return {
        f"{target}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, target in folders.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def dist(pattern):
    (found,) = Path(os.environ["PORTABLE_LOSSES_DIST"]).glob(pattern)
    return found


def wheel():
    with zipfile.ZipFile(dist("*.whl")) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_wheel_holds_the_tree_and_nothing_else():
    packed = {name for name in wheel() if ".dist-info/" not in name}
    assert packed == tree()


def test_sdist_holds_the_tree():
    with tarfile.open(dist("*.tar.gz")) as archive:
        packed = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert tree({folder: folder for folder in FOLDERS}) <= packed
    assert {"LICENSE", "README.md", "pyproject.toml"} <= packed


def test_the_comparison_sees_a_forgotten_package():
    assert "portable_losses/compat/__init__.py" in tree()
    assert tree({"portable_losses": "portable_losses"}) < tree()


def test_metadata():
    files = wheel()
    (name,) = (name for name in files if name.endswith(".dist-info/METADATA"))
    metadata = email.message_from_bytes(files[name])
    assert metadata["Name"] == "portable-losses"
    assert metadata["Version"] == portable_losses.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    core = [r for r in metadata.get_all("Requires-Dist") if "extra ==" not in r]
    assert sorted(r.split(">")[0].strip() for r in core) == ["keras", "numpy"]
    extras = {"all", "jax", "migrate", "plot", "tensorflow", "torch"}
    assert extras <= set(metadata.get_all("Provides-Extra"))


def test_what_is_tested_here_is_the_installed_wheel():
    assert Path(portable_losses.__file__).parent != ROOT / "portable_losses"


def test_the_command_starts():
    (command,) = (e for e in entry_points(group="console_scripts") if e.name == "portable-losses")
    assert callable(command.load())

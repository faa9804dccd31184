"""Every example in a docstring runs, on every backend, under its public import name."""

import doctest
import importlib
import pkgutil

import keras
import pytest

import portable_losses
import portable_losses.compat

# What only an extra installs. A module that needs one is tested where it is there.
OPTIONAL = {"libcst", "matplotlib", "rich", "sklearn"}
NAMES = {
    module.name
    for package in (portable_losses, portable_losses.compat)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
}
# The modules of the other backends cannot be imported, and are not meant to be.
OTHERS = {"tensorflow", "jax", "torch"} - {keras.backend.backend()}
NAMES -= {
    name
    for name in NAMES
    for other in OTHERS
    if name.startswith(f"portable_losses._backend._{other}")
}
# A program, and what runs in the environment of an old framework.
NAMES -= {f"portable_losses.codemod.verify.{name}" for name in ("__main__", "oracle")}


def test_the_modules_are_found():
    assert {"portable_losses.losses._center", "portable_losses.compat.center_loss"} <= NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_examples_of(name):
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        if error.name in OPTIONAL:
            pytest.skip(f"{name} needs {error.name}")
        raise
    assert doctest.testmod(module).failed == 0  # what differs is in the captured output


def test_a_wrong_example_fails():
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(verbose=False)

    def wrong():
        """
        >>> 1 + 1
        3
        """

    for test in finder.find(wrong, "wrong", module=False):
        assert runner.run(test, out=lambda text: None).failed == 1

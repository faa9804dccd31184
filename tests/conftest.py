"""Fixtures for every test. The backend is `KERAS_BACKEND`: one backend per process."""

import os
import sys
import zlib
from collections.abc import Iterator

import numpy as np
import pytest

# The wheel is compared where one was built: in `nox -s wheel`, which says where.
collect_ignore = [] if "PORTABLE_LOSSES_DIST" in os.environ else ["test_wheel.py"]


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Random numbers that depend on the test's own name, not on the order of the tests."""
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))


@pytest.fixture(autouse=True)
def fresh_graph() -> Iterator[None]:
    """What a test adds to the default graph of TF1 is gone after it."""
    yield
    if tf1 := sys.modules.get("portable_losses.compat.tf1"):
        tf1.reset_default_graph()

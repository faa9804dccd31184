"""`import portable_losses.compat.tf1 as tf`: TensorFlow 1's operations on any backend."""

import sys

from ._table import NAMES, put_into

put_into(sys.modules[__name__], NAMES)

"""TensorFlow 1's graph mode on any backend of Keras: `import portable_losses.compat.tf1 as tf`."""

import sys

from portable_losses import _backend as _backend  # first: it explains a missing backend

from . import _operators as _operators  # Python's operators on nodes
from . import errors as errors
from ._control import case as case
from ._control import cond as cond
from ._control import control_dependencies as control_dependencies
from ._control import group as group
from ._control import tuple_ as tuple
from ._gradients import gradients
from ._graph import Graph as Graph
from ._graph import Node as Node
from ._graph import Operation as Operation
from ._graph import Tensor as Tensor
from ._graph import get_default_graph as get_default_graph
from ._graph import reset_default_graph as reset_default_graph
from ._graph_loss import GraphLoss
from ._initializers import *  # noqa: F403
from ._loops import foldl, foldr, map_fn, scan, while_loop
from ._random import (
    multinomial,
    random_normal,
    random_shuffle,
    random_uniform,
    set_random_seed,
    truncated_normal,
)
from ._scatter import (
    IndexedSlices,
    scatter_add,
    scatter_div,
    scatter_max,
    scatter_min,
    scatter_mul,
    scatter_sub,
    scatter_update,
)
from ._scopes import (
    AUTO_REUSE,
    VariableScope,
    get_variable,
    get_variable_scope,
    name_scope,
    variable_scope,
)
from ._session import InteractiveSession, Session, get_default_session
from ._shapes import TensorShape
from ._shapes import dimension as Dimension
from ._sources import (
    constant,
    disable_eager_execution,
    enable_eager_execution,
    executing_eagerly,
    identity,
    no_op,
    placeholder,
    placeholder_with_default,
)
from ._table import NAMES, put_into
from ._variables import *  # noqa: F403

put_into(sys.modules[__name__], NAMES)

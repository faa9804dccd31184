"""The rules, one a file, each a function `apply(ctx)`, in the order in which they run."""

from portable_losses.codemod.rules import (
    add_loss,
    add_update,
    add_weight,
    calls,
    center_loss,
    compile_loss,
    cross_entropy,
    decorators,
    fit_generator,
    graph,
    keras_names,
    labels,
    metric_functions,
    optimizers,
    reductions,
    reset_states,
    shapes,
    state,
    top_k,
    type_names,
)

# Those that change no more than names; `--target compat` stays with them.
IMPORTS = (graph, center_loss, decorators, keras_names, calls)
# `graph` decides what stays a TF1 graph, `calls` settles what the rules before it left alone.
RULES = (
    graph,
    center_loss,
    compile_loss,
    decorators,
    type_names,
    reductions,
    keras_names,
    add_update,
    cross_entropy,
    top_k,
    calls,
    shapes,
    labels,
    add_weight,
    optimizers,
    reset_states,
    metric_functions,
    add_loss,
    fit_generator,
    state,
)

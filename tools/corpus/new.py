"""The new side: the recorded calls through `portable_losses.compat`, plain and compiled."""

from typing import Any

from portable_losses.codemod.verify import calls, replay
from tests import autodiff

autodiff.compiled(abs)  # loads the tracer once, before the processes fork


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Whether the definition executes, agrees, compiles and has the same gradient here."""
    result = replay.run(job)
    plan, arrays = calls.read(job["record"])
    kinds = ("function", "loss", "method")
    if plan["how"] == "eager" and plan["kind"] in kinds and "road" not in result:
        result["compiled"] = replay.attempt(lambda: _compiled(job, plan, arrays), replay.calls_it)
    return result


def _compiled(job: dict[str, Any], plan: Any, arrays: Any) -> str:
    constants = arrays.get("constant", [])
    arrays = {"tensor": [], **arrays}
    target = calls.made(plan, replay.loader(job)(), replay.tensors(arrays), constants)
    function = autodiff.compiled(replay.function_of(plan, target, constants))
    return replay.verdict(
        plan, replay.as_arrays(function(*replay.tensors(arrays))), arrays["output"]
    )

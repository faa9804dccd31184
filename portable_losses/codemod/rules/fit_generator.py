"""`fit_generator` and its kin are `fit`, `evaluate` and `predict`; `nb_epoch` is `epochs`."""

from collections.abc import Sequence

import libcst as cst

from portable_losses.codemod._calls import EQUAL, closed
from portable_losses.codemod._context import Context
from portable_losses.codemod._result import CHECK

NEW = {"fit_generator": "fit", "evaluate_generator": "evaluate", "predict_generator": "predict"}
GONE = (
    "workers",
    "use_multiprocessing",
    "max_queue_size",
    "max_q_size",
    "pickle_safe",
    "nb_worker",
)
# By place, of which Keras 3 has others there.
PLACES = {
    "fit_generator": (
        "x", "steps_per_epoch", "epochs", "verbose", "callbacks", "validation_data",
        "validation_steps",
    ),
    "evaluate_generator": ("x", "steps"),
    "predict_generator": ("x", "steps"),
}  # fmt: skip
RENAMED = {"nb_epoch": "epochs", "nb_val_samples": "validation_steps", "generator": "x"}


def apply(ctx: Context) -> None:
    for call in ctx.all(cst.Call):
        if not isinstance(call.func, cst.Attribute):
            continue
        name = call.func.attr.value
        keywords = {arg.keyword.value for arg in call.args if arg.keyword}
        if name in NEW:
            if gone := sorted(keywords & set(GONE)):
                what = ", ".join(f"`{keyword}`" for keyword in gone)
                ctx.find(
                    call, "fit_generator", f"{what}: a `keras.utils.PyDataset` takes them now."
                )
            if not _are_known(name, call.args):
                message = f"`{name}`: give its arguments by name, `{NEW[name]}` has others there."
                ctx.find(call, "fit_generator", message, CHECK)
            ctx.edit(call, _changed)
            ctx.mark(call)
        elif name == "fit" and "nb_epoch" in keywords:
            ctx.edit(call, _changed)
            ctx.mark(call)


def _are_known(name: str, args: Sequence[cst.Arg]) -> bool:
    """Whether all arguments by place have the same name in each Keras 2."""
    by_place = [arg for arg in args if not arg.keyword and arg.star != "**"]
    return len(by_place) <= len(PLACES[name]) and not any(arg.star for arg in by_place)


def _changed(new: cst.Call) -> cst.Call:
    assert isinstance(new.func, cst.Attribute)
    name = new.func.attr.value
    args = []
    known = name in NEW and _are_known(name, new.args)
    for place, arg in enumerate(new.args):
        keyword = arg.keyword.value if arg.keyword else ""
        if known and place and not keyword and not arg.star:
            arg = arg.with_changes(keyword=cst.Name(PLACES[name][place]), equal=EQUAL)
        if keyword in GONE and name in NEW:
            continue
        if keyword in RENAMED:
            arg = arg.with_changes(keyword=cst.Name(RENAMED[keyword]))
        args.append(arg)
    func = new.func.with_changes(attr=cst.Name(NEW.get(name, name)))
    return new.with_changes(func=func, args=closed(args, new.args))

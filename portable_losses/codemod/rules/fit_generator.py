"""`fit_generator` and its kin are `fit`, `evaluate` and `predict`; `nb_epoch` is `epochs`."""

import libcst as cst

from portable_losses.codemod._calls import NO_SPACE
from portable_losses.codemod._context import Context

NEW = {"fit_generator": "fit", "evaluate_generator": "evaluate", "predict_generator": "predict"}
GONE = (
    "workers",
    "use_multiprocessing",
    "max_queue_size",
    "max_q_size",
    "pickle_safe",
    "nb_worker",
)
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
            ctx.edit(call, _changed)
            ctx.mark(call)
        elif name == "fit" and "nb_epoch" in keywords:
            ctx.edit(call, _changed)
            ctx.mark(call)


def _changed(new: cst.Call) -> cst.Call:
    assert isinstance(new.func, cst.Attribute)
    name = new.func.attr.value
    args = []
    for arg in new.args:
        keyword = arg.keyword.value if arg.keyword else ""
        if keyword in GONE and name in NEW:
            continue
        if keyword in RENAMED:
            arg = arg.with_changes(keyword=cst.Name(RENAMED[keyword]))
        args.append(arg)
    if args and len(args) < len(new.args) and new.args[-1].comma is cst.MaybeSentinel.DEFAULT:
        args[-1] = args[-1].with_changes(
            comma=cst.MaybeSentinel.DEFAULT, whitespace_after_arg=NO_SPACE
        )
    func = new.func.with_changes(attr=cst.Name(NEW.get(name, name)))
    return new.with_changes(func=func, args=args)

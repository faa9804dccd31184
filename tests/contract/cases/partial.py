"""Partial FC with all of the classes, as its head has it; test_partial.py has fewer."""

from tests.contract.case import Case
from tests.contract.cases import margin
from tests.references import margin as reference

HEAD = {
    "class_name": "portable_losses>ArcFace",
    "registered_name": "portable_losses>ArcFace",
    "module": None,
    "config": {"num_classes": margin.CLASSES, "margin": 0.3, "scale": 8.0},
}


def arcface(y_true, y_pred, *, loss, sample_rate, proxies):
    return reference.arcface(y_true, y_pred, proxies, margin=0.3, scale=8.0)


CASES = {
    "PartialFC": Case(
        reference=arcface,
        batch=margin.batch,
        settings=({"loss": HEAD, "sample_rate": 1.0},),
        degenerate=margin.edges(),
        prepare=margin.move,
    )
}

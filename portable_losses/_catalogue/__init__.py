"""What exists: every public loss and metric, for the contract tests, the docs and the CLI.

A module holds some families, whole; a family is a page of the documentation.
"""

from portable_losses._catalogue import _around, _classes, _embeddings, _predictions, _views
from portable_losses._catalogue._entry import Entry as Entry

CATALOGUE: tuple[Entry, ...] = (
    *_predictions.ENTRIES,
    *_embeddings.ENTRIES,
    *_views.ENTRIES,
    *_classes.ENTRIES,
    *_around.ENTRIES,
)

"""What is known of one loss or metric."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Entry:
    """One loss or metric.

    Attributes:
        name: The pure function, or None where there is no per-sample function.
        cls: The class.
        family: The page of the documentation it stands on.
        paper: Authors, title, year; or "" for what no paper defines.
        peers: The same thing elsewhere, as `{"keras": "Huber", "torch": "HuberLoss"}`.
        stateful: Whether it is a `StatefulLoss`, to be given to `LossModel` or `LossEndpoint`.
        metric: Whether it is a metric.
    """

    cls: str
    name: str | None
    family: str
    paper: str = ""
    peers: dict[str, str] = field(default_factory=dict)
    stateful: bool = False
    metric: bool = False

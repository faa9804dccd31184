"""Which old name a dotted name means, however it is spelled.

Symbols have three roots: `tf` (TensorFlow 1 and 2), `keras` (tf.keras and Keras itself) and `K`
(the old backend).
"""

import re

# Module as it is imported -> symbol; the first that fits counts. Private modules of TensorFlow hold
# the public operations.
_FOLDS = [
    (re.compile(rf"^(?:{pattern})(?=\.|$)"), symbol)
    for pattern, symbol in (
        (r"(?:tensorflow\.)?keras\.(?:src\.)?backend\.(?:tensorflow_backend\.)?tf", "tf"),
        (r"(?:tensorflow\.(?:python\.|contrib\.)?)?keras\.(?:api\.keras\.)?(?:python\.keras\.)?"
         r"(?:_?v[12]\.)?(?:src\.)?backend(?:\.tensorflow_backend)?", "K"),
        (r"tensorflow\.compat\.v[12]\.keras\.backend", "K"),
        (r"tensorflow\.compat\.v[12]\.keras", "keras"),
        (r"tensorflow\.contrib\.keras(?:\.api\.keras|\.python\.keras)?", "keras"),
        (r"tensorflow\.(?:python\.)?keras(?:\.api\._?v[12])?", "keras"),
        (r"keras", "keras"),
        (r"tensorflow\.python\.ops\.(?:math_ops|array_ops|control_flow_ops|clip_ops|gen_math_ops"
         r"|gen_array_ops|check_ops|init_ops|state_ops|linalg_ops|random_ops|functional_ops|variables"
         r"|variable_scope)", "tf"),
        (r"tensorflow\.python\.ops\.losses\.(?:losses|losses_impl)", "tf.losses"),
        (r"tensorflow\.python\.ops\.(?:image_ops|image_ops_impl)", "tf.image"),
        (r"tensorflow\.python\.ops\.(?:nn_ops|nn_impl|nn)", "tf.nn"),
        (r"tensorflow\.python\.framework\.(?:ops|dtypes|constant_op)", "tf"),
        (r"tensorflow\.compat\.v[12]", "tf"),
        (r"tensorflow", "tf"),
    )
]  # fmt: skip
# Below `tf`, after the root was folded: what `tf.compat.v1.` and the like are spelled through.
_INNER = [
    (re.compile(r"^tf\.(?:compat\.v[12]|_api\.v[12])(?=\.|$)"), "tf"),
    (re.compile(r"^tf\.(?:python\.|contrib\.)?keras\.backend(?=\.|$)"), "K"),
    (re.compile(r"^tf\.(?:python\.|contrib\.)?keras(?=\.|$)"), "keras"),
    (re.compile(r"^keras\.backend(?:\.tensorflow_backend)?(?=\.|$)"), "K"),
    (re.compile(r"^K\.tf(?=\.|$)"), "tf"),
    # In TensorFlow 2 these are Keras' classes; functions in lower case are TensorFlow 1's own.
    (
        re.compile(
            r"^tf\.(losses|metrics|optimizers)(?=\.(?!Reduction\.(?:\w*NONZERO|MEAN|all))"
            r"[A-Z]\w*[a-z])"
        ),
        r"keras.\1",
    ),
]


def fold(dotted: str) -> str | None:
    """The symbol of a dotted name that starts with an imported module; None if it is not old."""
    for pattern, symbol in _FOLDS:
        if match := pattern.match(dotted):
            return refold(symbol + dotted[match.end() :])
    return None


def refold(symbol: str) -> str:
    """A symbol to which attributes were added, in its shortest form."""
    while True:
        for pattern, short in _INNER:
            shorter, found = pattern.subn(short, symbol, count=1)
            if found:
                symbol = shorter
                break
        else:
            return symbol


def root(symbol: str) -> str:
    return symbol.partition(".")[0]


# `tf.math.log` and `tf.log` are one thing; a table names it once.
_NAMESPACES = ("math", "dtypes", "linalg", "nn", "manip", "debugging")


def spellings(symbol: str) -> list[str]:
    """The names under which a table may have a symbol, the exact one first."""
    parts = symbol.split(".")
    if len(parts) == 3 and parts[0] == "tf" and parts[1] in _NAMESPACES:
        return [symbol, f"tf.{parts[2]}", f"tf.nn.{parts[2]}", f"tf.math.{parts[2]}"]
    if len(parts) == 2 and parts[0] == "tf":
        return [symbol, f"tf.nn.{parts[1]}"]
    return [symbol]


def is_namespace(symbol: str) -> bool:
    """Whether an alias of it, `K = tf.keras.backend`, is an import in disguise."""
    parts = symbol.split(".")
    if len(parts) == 2 and parts[0] == "keras":
        return not parts[1][:1].isupper()
    return len(parts) == 1

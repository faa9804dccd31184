"""Old code and what becomes of it, rule by rule; and what holds for any code: a second rewrite
changes nothing, and what is not touched keeps its bytes."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from portable_losses.codemod import ParseError, rewrite, tables

FOLDER = Path(__file__).parent / "snippets"
ROOT = Path(__file__).parent.parent.parent
DOCS, TOOL = ROOT / "docs" / "migrate.md", ROOT / "tools" / "migrate_docs.py"


def read(path):
    _, *parts = re.split(r"^=== (\w+)\n", path.read_text(encoding="utf-8"), flags=re.M)
    return dict(zip(parts[::2], parts[1::2], strict=True))


SNIPPETS = {path.stem: read(path) for path in sorted(FOLDER.glob("*.txt"))}


def rewritten(snippet, source=None, target="native"):
    """A snippet after its rewrite, with what it says of other modules."""
    elsewhere = {}
    for line in snippet.get("elsewhere", "").splitlines():
        module, function, *beside = line.split()
        elsewhere.setdefault(module, {})[function] = " ".join(beside)
    return rewrite(source or snippet["before"], target=target, elsewhere=elsewhere)


@pytest.fixture(params=SNIPPETS, scope="module")
def snippet(request):
    return SNIPPETS[request.param]


def test_before_becomes_after(snippet):
    result = rewritten(snippet)
    assert result.source == snippet["after"]
    if "compat" in snippet:
        assert rewritten(snippet, target="compat").source == snippet["compat"]
    assert result.changed == (snippet["before"] != snippet["after"])
    findings = [f"{f.line} {f.severity} {f.rule}\n" for f in result.findings]
    assert "".join(findings) == snippet["findings"]
    definitions = [f"{name} {word}\n" for name, word in result.definitions.items()]
    assert "".join(definitions) == snippet["definitions"]


@pytest.mark.parametrize("target", ["native", "compat"])
def test_a_second_rewrite_changes_nothing(snippet, target):
    first = rewritten(snippet, target=target).source
    ast.parse(first)
    assert rewritten(snippet, first, target).source == first


def test_lines_of_windows(snippet):
    old = snippet["before"].replace("\n", "\r\n")
    assert rewritten(snippet, old).source == snippet["after"].replace("\n", "\r\n")


def test_compat_changes_lines_of_imports_alone():
    old = SNIPPETS["focal_loss"]["before"]
    head = "from portable_losses.compat import tf1 as tf\nfrom portable_losses.compat import K\n"
    assert rewrite(old, target="compat").source == head + old.split("\n", 2)[2]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "\n",
        "# keras\n",
        "import numpy as np\n\nx = np . sum( [1,2] )  # keras\n",
        "import torch\n\ndef loss(x):\n\treturn torch.sum(x)\n",
        "from keras import ops\n\nloss = lambda t, p: ops.mean( t-p )\n",
        "tf = 3\nK = tf.sum\nkeras = K\n",
        "import tensorflow as tf",
        "def f(tf, K):\n    return tf.log(K.sum(1))\n",
        "import tensorflow as tf\n\ndata = tf.data.Dataset.range(3)\n",
    ],
)
@pytest.mark.parametrize("target", ["native", "compat"])
def test_what_is_not_old_is_left(source, target):
    result = rewrite(source, target=target)
    assert result.source == source and not result.changed and not result.changes


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import tensorflow as tf\nx = tf.log(y)", "ops.log(y)"),
        ("import tensorflow\nx = tensorflow.math.log(y)", "ops.log(y)"),
        ("import tensorflow.compat.v1 as tf\nx = tf.log(y)", "ops.log(y)"),
        ("import tensorflow as tf\nx = tf.compat.v1.log(y)", "ops.log(y)"),
        ("from tensorflow import log as ln\nx = ln(y)", "ops.log(y)"),
        ("from tensorflow import math\nx = math.log(y)", "ops.log(y)"),
        ("from tensorflow.python.ops import math_ops\nx = math_ops.log(y)", "ops.log(y)"),
        ("import tensorflow as tf\nK = tf.keras.backend\nx = K.log(y)", "ops.log(y)"),
        ("import tensorflow as tf\nx = tf.keras.backend.log(y)", "ops.log(y)"),
        ("from tensorflow.keras import backend\nx = backend.log(y)", "ops.log(y)"),
        ("import tensorflow.keras.backend as K\nx = K.log(y)", "ops.log(y)"),
        ("import keras\nx = keras.backend.log(y)", "ops.log(y)"),
        ("import keras.backend\nx = keras.backend.log(y)", "ops.log(y)"),
        ("from keras.backend import log\nx = log(y)", "ops.log(y)"),
        ("from keras.backend import *\nx = log(y)", "ops.log(y)"),
        ("from tensorflow.python.keras import backend as K\nx = K.log(y)", "ops.log(y)"),
        ("from keras import backend as K\nx = K.tf.log(y)", "ops.log(y)"),
        ("from keras.backend import tensorflow_backend as K\nx = K.log(y)", "ops.log(y)"),
        ("from keras.layers import *\nx = K.log(y)", "ops.log(y)"),
        ("import tensorflow as tf\nx = tf.reduce_sum(y, 1, True)", "ops.sum(y, 1, True)"),
        ("import tensorflow as tf\nx = tf.reduce_sum(y, 1, True, 'n')", "ops.sum(y, 1, True)"),
        (
            "import tensorflow as tf\nx = tf.reduce_sum(axis=1, input_tensor=y)",
            "ops.sum(axis=1, x=y)",
        ),
        ("import tensorflow as tf\nx = tf.concat(1, [y, y])", "ops.concatenate(axis=1, xs=[y, y])"),
        (
            "import tensorflow as tf\nx = -tf.nn.l2_loss(y) ** 2",
            "-(0.5 * ops.sum(ops.square(y))) ** 2",
        ),
        ("import tensorflow as tf\nx = tf.rank(y + 1)", "len((y + 1).shape)"),
        ("from keras import backend as K\nx = K.sum(*y)", "K.sum(*y)"),
        ("from keras import backend as K\nx = [K.sum(K) for K in y]", "[K.sum(K) for K in y]"),
        ("import tensorflow as tf\nx = f(tf.square)", "f(ops.square)"),
        ("from keras import backend as K\nx = K.set_value(a.b, 0)", "a.b.assign(0)"),
        ("from keras import backend as K\nx = K.set_value(value=1, x=a + b)", "(a + b).assign(1)"),
        ("import tensorflow as tf\nx = tf.matmul(a, b, transpose_b=flag)", None),
    ],
)
def test_one_call(old, new):
    source = rewrite(old + "\n").source
    if new is None:
        assert "portable_losses.compat import tf1 as tf" in source
        assert source.endswith(old.split("\n")[-1] + "\n")
    else:
        assert source.endswith(f"x = {new}\n")
        assert "tensorflow" not in source
    assert rewrite(source).source == source


def test_imports_are_merged_reused_and_removed():
    old = (
        '"""Doc."""\n\nfrom __future__ import annotations\n\nimport numpy as np\n'
        "import tensorflow as tf\nfrom keras import backend as K, layers\nfrom keras import ops\n\n"
        "\ndef f(x):\n    return ops.log(tf.exp(K.sum(x)))\n\n\nd = layers.Dense(1)\n"
    )
    new = (
        '"""Doc."""\n\nfrom __future__ import annotations\n\nimport numpy as np\n'
        "from keras import layers\nfrom keras import ops\n\n\n"
        "def f(x):\n    return ops.log(ops.exp(ops.sum(x)))\n\n\nd = layers.Dense(1)\n"
    )
    assert rewrite(old).source == new


def test_an_import_that_begins_a_metric_makes_room_for_its_guard():
    source = (
        "def precision(y_true, y_pred):\n    from keras import backend as K\n\n"
        "    return K.sum(y_true * y_pred)\n"
    )
    new = rewrite(source).source
    assert "as Keras 2 did" in new and "backend" not in new and "ops.sum(y_true * y_pred)" in new
    assert rewrite(new).source == new


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.stateful = True", "self.stateful = False"),
        ("return tp + current_tp", "return tp"),
        ("current_tp = self.tp * 1", "current_tp = self.tp * 2"),
        ("K.variable(0,", "K.variable(1,"),
        ("K.set_value(self.tp, 0)", "K.set_value(self.tp, 1)"),
        ("        self.add_update(self.fn.updates)\n", ""),
        ("        self.fn.reset_states()\n", ""),
        ("tp / (tp + fn", "tp / (K.sum(y_true) + tp + fn"),
        ("def rounded", "def build(self, shape):\n        pass\n\n    def rounded"),
        (
            "        tp = K.sum(y_true * y_pred)\n",
            "        tp = 0\n        if tp:\n            pass\n",
        ),
        ("FalseNegative()", "make()"),
        ("import Layer\n", "import Layer\nmodel.compile(weighted_metrics=[])\n"),
    ],
)
def test_layers_that_count_stay_where_one_is_not_sure(old, new):
    source = SNIPPETS["layer_metrics"]["before"]
    assert old in source
    result = rewrite(source.replace(old, new))
    assert "metrics.Metric" not in result.source and "add_update" in result.source
    assert "flagged" in result.definitions.values()


def test_targets_of_a_metric_that_keeps_tensorflow_are_guarded_once():
    source = (
        "import tensorflow as tf\n\n\nclass Hits(tf.keras.metrics.Metric):\n"
        "    def update_state(self, y_true, y_pred, sample_weight=None):\n"
        "        self.hits.assign_add(tf.data.peek(y_true * y_pred))\n"
    )
    new = rewrite(source).source
    assert new.count("as Keras 2 did") == 1
    assert rewrite(new).source == new


def test_each_definition_that_needs_tensorflow_is_to_be_read():
    old = (
        "import tensorflow as tf\n\n\ndef f(x):\n    return tf.data.peek(x)\n\n\n"
        "def g(x):\n    return tf.data.peek(x) + tf.square(x)\n"
    )
    assert rewrite(old).definitions == {"f": "flagged", "g": "flagged"}


def test_tensorflow_stays_for_what_it_alone_has():
    old = "import tensorflow as tf\n\n\ndef f(x):\n    return tf.foldl(tf.add, tf.data.peek(x))\n"
    result = rewrite(old)
    assert "import tensorflow as tf\n" in result.source
    assert "from portable_losses.compat import tf1\n" in result.source
    assert "tf1.foldl(tf1.add, tf.data.peek(x))" in result.source
    assert [f.rule for f in result.findings] == ["tensorflow"]
    assert result.definitions == {"f": "flagged"}


def test_a_function_that_a_graph_calls_stays_in_the_graph():
    old = (
        "import tensorflow as tf\n\n\ndef norm(x):\n    return tf.reduce_sum(x)\n\n\n"
        "def other(x):\n    return tf.reduce_sum(x)\n\n\n"
        "with tf.Session() as s:\n    s.run(norm(tf.placeholder(tf.float32)))\n"
    )
    result = rewrite(old)
    assert "return tf.reduce_sum(x)" in result.source and "return ops.sum(x)" in result.source
    assert result.definitions == {"norm": "compat", "other": "native", "<module>": "flagged"}


def test_what_went_with_tensorflow_1_is_to_be_written_anew():
    source = (
        "import tensorflow as tf\nslim = tf.contrib.slim\nslim.conv2d(x)\ntf.layers.conv2d(x, 2)\n"
    )
    result = rewrite(source)
    assert result.source == source
    assert {(f.line, f.severity, f.rule) for f in result.findings} == {
        (2, "stop", "tensorflow 1"),
        (3, "stop", "tensorflow 1"),
        (4, "stop", "tensorflow 1"),
    }


def test_keras_3_code_is_left():
    source = "import keras\n\n\nclass Mine(keras.losses.Loss):\n    pass\n"
    assert not rewrite(source).changed
    assert "compat import keras2 as keras" in rewrite(source, target="compat").source


def test_python_2_is_named_with_its_line():
    with pytest.raises(ParseError, match="Line 3: not Python 3") as caught:
        rewrite("import keras\n\nprint 'x'\n")
    assert caught.value.line == 3
    with pytest.raises(ValueError, match="`target` must be one of"):
        rewrite("", target="numpy")


def test_the_documentation_shows_what_the_tool_does():
    """`python tools/migrate_docs.py` writes the pages anew."""
    pages = re.findall(r"```py\n(.*?)```\n+becomes\n+```py\n(.*?)```", DOCS.read_text(), re.S)
    assert len(pages) >= 8
    shown = {(snippet["before"], snippet["after"]) for snippet in SNIPPETS.values()}
    assert set(pages) <= shown


def test_the_readme_shows_the_diff_of_a_center_loss():
    spec = importlib.util.spec_from_file_location("migrate_docs", TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "+        self.center_loss = make_center_loss()" in text
    assert tool.written(text) == text


def test_the_documentation_has_the_table_of_silent_changes():
    text = DOCS.read_text(encoding="utf-8")
    for name, (title, differs) in tables.silent().items():
        assert f"| {name} | {title} | {differs} |" in text, name

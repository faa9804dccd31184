"""`migrate --verify`: what it runs and what it never runs, what it finds, and what it then does."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from portable_losses import _environment, cli
from portable_losses.codemod import _run, rewrite
from portable_losses.codemod.verify import calls, check, guard, plain

# One process for all of them: what they share takes seconds to make.
pytestmark = pytest.mark.xdist_group("verify")

HERE = Path(check.__file__).parent
BACKEND = keras.backend.backend()

PLAIN = """\
import os
x = 1.0
x: float = 2.0
x += 1
x = [1, -2.5, None, {"a": (1, 2)}, [i ** 2 for i in range(3)]]
x, y = 1, "a"
x = K.epsilon() + np.log(2.0)
x = np.array([0.1, 0.9], dtype=np.float32)
K = tf.keras.backend
f = lambda a: print(a)
if tf.__version__.startswith("1."): x = tf.constant(1.0)
try: import keras
except ImportError: keras = None
"""
NOT_PLAIN = """\
print("x")
x = open("f")
x = np.load("weights.npy")
x = model.predict(data)
x = [print(i) for i in range(3)]
x = f(1)
x = os.getcwd() + "a"
K.sum = None
x[0] = 1
x = (y := 3)
for i in range(3): x = i
with open("f") as x: pass
if os.remove("f"): x = 1
try: x = 1
except OSError: x = load()
del x
assert x
"""


def test_what_is_plain():
    for source, expected in ((PLAIN, True), (NOT_PLAIN, False)):
        for statement in ast.parse(source).body:
            assert plain.is_plain(statement) is expected, ast.unparse(statement)


def guarded(source):
    names = guard.namespace()
    exec(source, names)
    return names


def test_other_imports_are_stubs_that_say_so_when_used():
    names = guarded(
        "import os.path as path, math, vgg.net\nfrom subprocess import run as go, call\n"
        "from .own import thing\nfrom somewhere import *\nroot = math.sqrt(4.0)\n"
    )
    assert names["root"] == 2.0
    uses = {
        "path.exists('x')": "os", "vgg.net(1)": "vgg", "go('ls')": "subprocess", "thing + 1": "own",
        "call[0]": "subprocess", "[*vgg]": "vgg", "type('C', (vgg.Base,), {})": "vgg",
        "open('x')": "open", "exec('1')": "exec", "__import__('os').remove('x')": "os",
    }  # fmt: skip
    for use, needed in uses.items():
        with pytest.raises((guard.NotAvailable, TypeError)) as caught:
            exec(f"result = {use}", names)
        assert needed in str(caught.value) or caught.type is TypeError, use
    with pytest.raises(guard.NotAvailable, match=r"needs `vgg\.net`, which is not imported here"):
        exec("class Net(vgg.Base): pass", names)


def test_what_old_pythons_read():
    for name in ("__init__", "__main__", "worker", "calls", "inputs", "search", "guard", "oracle"):
        source = (HERE / f"{name}.py").read_text(encoding="utf-8")
        tree = ast.parse(source, feature_version=(3, 7))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and not node.level:
                assert not str(node.module).startswith("portable_losses"), name
            if isinstance(node, ast.Call):  # of Python 3.10
                assert "strict" not in {keyword.arg for keyword in node.keywords}, name


def test_time_memory_and_sudden_ends(tmp_path):
    jobs = [{"key": key, "file": "f", "seconds": 1} for key in ("spin", "die", "raise", "good")]
    (tmp_path / "jobs").write_text(json.dumps(jobs))
    code = """
import os, sys
from portable_losses.codemod.verify import worker
def one(job):
    while job["key"] == "spin": pass
    if job["key"] == "die": os._exit(3)
    if job["key"] == "raise": raise ValueError("no")
    return {"executes": True}
worker.run(one, *sys.argv[1:])
"""
    arguments = [str(tmp_path / "jobs"), str(tmp_path / "results")]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True)
    rows = [json.loads(line) for line in (tmp_path / "results").read_text().splitlines()]
    found = {row.pop("key"): row for row in rows}
    assert found["spin"]["error"]["type"] == "TimeoutError"
    assert found["die"]["error"] == "the process ended or ran out of time"
    assert found["raise"]["error"]["text"] == "no" and found["good"] == {"executes": True}


OLD = """
import os
import tensorflow as tf
from keras import backend as K
from keras.layers import Layer

open({touched!r}, "w").close()
os.environ["PORTABLE_LOSSES_TOUCHED"] = "1"
smooth = 1.0
network = tf.keras.applications.VGG16()


def share(a, b):
    return K.sum(a * b) / (K.sum(b) + smooth)


def dice_loss(y_true, y_pred):
    return 1 - share(y_true, y_pred)


def factory_loss(gamma):
    def loss(y_true, y_pred):
        return K.mean(K.pow(1.0 - y_pred, gamma) * K.abs(y_true - y_pred), axis=-1)

    return loss


def perceptual_loss(y_true, y_pred):
    return K.mean(K.square(network(y_true) - network(y_pred)))


def noisy_loss(y_true, y_pred):
    return K.mean(y_true - y_pred) + K.random_uniform(())


class Hits(tf.keras.metrics.Metric):
    def __init__(self, name="hits", **kwargs):
        super().__init__(name=name, **kwargs)
        self.hits = self.add_weight("hits", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.hits.assign_add(tf.reduce_sum(tf.cast(y_true, tf.float32) * tf.round(y_pred)))

    def result(self):
        return self.hits

    def reset_states(self):
        self.hits.assign(0.0)


def center_loss(features, label, alfa, nrof_classes):
    centers = tf.get_variable(
        "centers", [nrof_classes, 4], initializer=tf.zeros_initializer(), trainable=False
    )
    near = tf.gather(centers, label)
    update = tf.scatter_sub(centers, label, (1 - alfa) * (near - features))
    with tf.control_dependencies([update]):
        return tf.reduce_mean(tf.square(features - near))


def squared_loss(y_true, y_pred):
    return K.mean(K.square(y_true - y_pred), axis=-1)


def kinked_loss(y_true, y_pred):
    return K.mean(K.abs(y_true - y_pred), axis=-1)


def sudden_loss(y_true, y_pred):
    return K.sum(y_pred - y_true)
"""
# A rewrite with three faults: other numbers, the same numbers with another gradient, an error.
FAULTS = (
    ("ops.square(y_true - y_pred)", "1.001 * ops.square(y_true - y_pred)"),
    ("ops.abs(y_true - y_pred), axis", "ops.abs(y_true - ops.stop_gradient(y_pred)), axis"),
    ("return ops.sum(y_pred - y_true)", "return ops.no_such_thing(y_pred - y_true)"),
)


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    touched = tmp_path_factory.mktemp("verify") / "touched"
    old = OLD.replace("{touched!r}", repr(str(touched)))
    result = rewrite(old)
    new = result.source
    for before, after in FAULTS:
        head, tail = new.rsplit(before, 1)
        new = head + after + tail
    given = {"old.py": result.layers}
    found = check.verify([("old.py", old, new)], [BACKEND, "nonsense"], seconds=60, layers=given)
    assert not touched.exists(), "code of the module has run"
    return {verdict.name: verdict for verdict in found["old.py"]}


def test_equal_rewrites_agree(verdicts):
    expected = {
        "dice_loss": "values and gradients",
        "factory_loss": "values and gradients",
        "Hits": "values",
        "center_loss": "values and gradients",
    }
    for name, words in expected.items():
        assert verdicts[name].status == check.AGREES, verdicts[name]
        assert verdicts[name].backends == {BACKEND: words}
        assert verdicts[name].reference == f"compat on {BACKEND}"
    assert verdicts["dice_loss"].inputs == "images"
    assert str(verdicts["dice_loss"]) == (
        f"`dice_loss` agrees (against compat on {BACKEND}): {BACKEND}: values and gradients"
    )


def test_what_is_random_only_runs(verdicts):
    assert verdicts["noisy_loss"].backends == {BACKEND: "runs; it is random"}


def test_faults_of_a_rewrite_are_found(verdicts):
    for name, words in (
        ("squared_loss", "result 0: "),
        ("kinked_loss", "gradient: result 0: 0, expected"),
        ("sudden_loss", "fails, where the old definition runs through compat: AttributeError"),
    ):
        assert verdicts[name].status == check.DIFFERS, verdicts[name]
        assert words in verdicts[name].backends[BACKEND]


def test_what_cannot_be_run_has_its_reason(verdicts):
    assert verdicts["perceptual_loss"].status == check.NOT_RUN
    assert str(verdicts["perceptual_loss"]) == (
        "`perceptual_loss` not run: needs `network`, which line 10 computes: code of the module is "
        "not run"
    )


def test_an_oracle_runs_the_package_by_its_path(tmp_path):
    old = (
        "import tensorflow as tf\n\n\ndef f_loss(y_true, y_pred):\n"
        "    return tf.reduce_sum(tf.abs(y_true - y_pred))\n"
    )
    runs = check._Runs(tmp_path, lambda message: None)
    jobs, found = runs.jobs("a.py", old, old, 60, {}), {}
    arguments = ("oracle", [sys.executable, str(HERE)], jobs, found)
    if BACKEND != "tensorflow":
        with pytest.raises(check.VerifyError, match="No module named 'tensorflow'"):
            runs.record(*arguments)
        return
    runs.record(*arguments)
    (result,) = found.values()
    assert result["runs"] and result["by"].startswith("TensorFlow 2.")
    _, arrays = calls.read(jobs[0]["record"])
    assert len(arrays["tensor"]) == 2 and len(arrays["gradient"]) == 1


# The command --------------------------------------------------------------------------------------

SOURCE = "import tensorflow as tf\n\n\ndef f_loss(y_true, y_pred):\n    return tf.log(y_pred)\n"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(SOURCE)

    def verify(files, backends, oracles, tell, layers):
        told = {"a.py": check.Verdict("f_loss", 4, check.AGREES, backends={"jax": "values"})}
        told["b.py"] = check.Verdict("f_loss", 4, check.DIFFERS, backends={"jax": "result 0: 1"})
        told["n.ipynb"] = check.Verdict("f_loss", 6, check.NOT_RUN, "needs `x`")
        assert all("tf.log" in old and "ops.log" in new for _, old, new in files)
        return {path: [told[path]] for path, _, _ in files}

    monkeypatch.setattr(check, "verify", verify)
    return tmp_path


def migrate(*arguments):
    return cli.main(["migrate", *map(str, arguments)])


def test_one_that_differs_fails_the_run_and_is_not_written(tree, capsys):
    assert migrate("--verify", "--write", "a.py") == 0
    assert "ops.log" in (tree / "a.py").read_text()
    (tree / "a.py").write_text(SOURCE)
    capsys.readouterr()
    assert migrate("--verify", "--write", ".") == 1
    out, err = capsys.readouterr()
    assert out == "changed a.py\nnot changed, since it differs: b.py\n"
    assert "b.py:4: verify `f_loss` differs (against " in err
    assert err.endswith("; verified: 1 agree, 1 differ, 0 not run.\n")
    assert "ops.log" in (tree / "a.py").read_text() and (tree / "b.py").read_text() == SOURCE
    assert migrate("--verify", "b.py") == 1
    assert migrate("--verify", "--check", "b.py") == 1


def test_reports_hold_the_verdicts(tree, capsys):
    cell = {"cell_type": "code", "metadata": {}, "source": SOURCE, "outputs": []}
    first = {"cell_type": "code", "metadata": {}, "source": "x = 1", "outputs": []}
    (tree / "n.ipynb").write_text(json.dumps({"cells": [first, cell], "metadata": {}}))
    assert migrate("--verify", "--json", "--html", "r.html", ".") == 1
    rows = {r["path"]: r for r in map(json.loads, capsys.readouterr().out.splitlines())}
    assert rows["a.py"]["verified"][0]["status"] == "agrees"
    assert rows["b.py"]["verified"][0]["backends"] == {"jax": "result 0: 1"}
    (in_cell,) = rows["n.ipynb"]["verified"]
    # Line 6 of all the code: a mark and `x = 1`, a mark, and then the third line of cell 2.
    assert (in_cell["cell"], in_cell["line"]) == (2, 3)
    page = (tree / "r.html").read_text(encoding="utf-8")
    for part in ("proven equal", "with other numbers", "verify · not run", "cell 2, line 3"):
        assert part in page


def test_a_file_that_changed_meanwhile_is_left(tree):
    (outcome,) = _run.migrate_files([Path("a.py")], _run.Options(), 1)
    (tree / "a.py").write_text(SOURCE + "\n")
    assert "has changed since it was read" in _run.write(outcome).error
    assert (tree / "a.py").read_text() == SOURCE + "\n"


def test_what_cannot_be_verified(tree, monkeypatch, capsys):
    monkeypatch.undo()
    monkeypatch.chdir(tree)
    assert migrate("--oracle", "python3.7", "a.py") == 2
    assert "--oracle goes with --verify" in capsys.readouterr().err
    assert migrate("--verify", "--oracle", "no/such/python", "a.py") == 2
    assert "no/such/python: No such file" in capsys.readouterr().err
    monkeypatch.setattr(_environment, "installed_backends", list)
    assert migrate("--verify", "a.py") == 2
    assert "--verify needs a backend" in capsys.readouterr().err

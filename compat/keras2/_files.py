"""Model files that Keras 2 wrote."""

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import keras

from . import losses, metrics, optimizers
from ._optimizer_state import restore
from .models import FunctionalModel, Sequential

OURS = {
    "Functional": FunctionalModel,
    "FunctionalModel": FunctionalModel,
    "Model": FunctionalModel,
    "Sequential": Sequential,
}


def load(filepath: Any, custom_objects: Any, compile: bool, **kwargs: Any) -> Any:
    """See `load_model`."""
    path, custom = Path(str(filepath)), dict(custom_objects or {})
    if path.is_dir() and (path / "saved_model.pb").exists():
        raise ValueError(
            f"{path} is a SavedModel, which holds a graph of TensorFlow. With Keras 2 save the "
            "model as an .h5 file and load that; or, on TensorFlow, use "
            "keras.layers.TFSMLayer for inference."
        )
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            version = json.loads(archive.read("metadata.json")).get("keras_version", "")
        if version.startswith("2."):
            return _from_archive(path, custom, compile, **kwargs)
    elif path.suffix in (".h5", ".hdf5") and path.exists():
        return _from_hdf5(path, custom, compile, **kwargs)
    return keras.models.load_model(filepath, custom, compile=compile, **kwargs)


def _from_archive(path: Path, custom: dict[str, Any], compile: bool, **kwargs: Any) -> Any:
    """From a `.keras` file: the same weights, and a config that Keras 3 understands."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(copy, "w") as new:
            for name in old.namelist():
                if name != "config.json":
                    new.writestr(name, old.read(name))
            config = json.loads(old.read("config.json"))
            training = config.pop("compile_config", None)
            new.writestr("config.json", json.dumps(_renamed(config)))
        model = keras.models.load_model(copy, custom, compile=False, **kwargs)
    if compile and training:
        _compile(model, training, training["optimizer"], custom)
        restore(model, path)
    return model


def _renamed(config: Any) -> Any:
    """The config with models, of which Keras 2 wrote its private modules, under names of today;
    and with an axis as a number where there is one."""
    if isinstance(config, list):
        return [_renamed(part) for part in config]
    if not isinstance(config, dict):
        return config
    config = {key: _renamed(value) for key, value in config.items()}
    if isinstance(config.get("axis"), list) and len(config["axis"]) == 1:
        config["axis"] = config["axis"][0]
    if config.get("class_name") in OURS and str(config.get("module", "")).startswith("keras"):
        ours = OURS[config["class_name"]]
        name = keras.saving.get_registered_name(ours)
        config |= {"module": None, "class_name": ours.__name__, "registered_name": name}
        config.pop("build_config", None)
    return config


def _from_hdf5(path: Path, custom: dict[str, Any], compile: bool, **kwargs: Any) -> Any:
    import h5py

    with h5py.File(path, "r") as file:
        said = {
            key: x.decode() if isinstance(x, bytes) else x
            for key in ("keras_version", "training_config")
            if (x := file.attrs.get(key)) is not None
        }
    if not str(said.get("keras_version", "2")).startswith(("1.", "2")):
        return keras.models.load_model(path, OURS | custom, compile=compile, **kwargs)
    model = keras.models.load_model(path, OURS | custom, compile=False, **kwargs)
    if compile and "training_config" in said:
        training = json.loads(said["training_config"])
        _compile(model, training, training["optimizer_config"], custom)
        restore(model, path)
    return model


def _compile(model: Any, training: Any, optimizer: Any, custom: dict[str, Any]) -> None:
    """Compile as the file says."""
    names = list(getattr(model, "output_names", None) or [])

    def each(get: Any, given: Any) -> Any:
        if isinstance(given, dict) and "class_name" not in given:
            return {key: each(get, value) for key, value in given.items()}
        if isinstance(given, list):
            return [each(get, value) for value in given]
        return given if isinstance(given, str) and given not in custom else get(given)

    def metric(given: Any) -> Any:
        found = metrics.get(given)
        for output in names if len(names) > 1 else []:  # Keras 2 wrote the output's name into it
            if getattr(found, "name", "").startswith(output + "_"):
                found.name = found.name.removeprefix(output + "_")
        return found

    with keras.saving.custom_object_scope(custom):
        model.compile(
            optimizer=optimizers.get(optimizer),
            loss=each(losses.get, training.get("loss")),
            metrics=_flat(each(metric, training.get("metrics")), names),
            loss_weights=training.get("loss_weights"),
            weighted_metrics=_flat(each(metric, training.get("weighted_metrics")), names),
        )


def _flat(given: Any, names: list[str]) -> Any:
    """Metrics of one output without the list around them."""
    one = isinstance(given, list) and len(given) == 1 and isinstance(given[0], list)
    return given[0] if one and len(names) < 2 else given

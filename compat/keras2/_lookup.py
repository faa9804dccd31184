"""From a name or a config, of Keras 2 or 3, to a loss or metric."""

import contextlib
import inspect
from typing import Any

import keras


class Lookup:
    """What a namespace has by its names; `theirs` is Keras 3's, `package` what ours are registered
    under."""

    def __init__(self, here: dict[str, Any], theirs: Any, package: str):
        self.here, self.theirs, self.package = here, theirs, package

    def get(self, identifier: Any) -> Any:
        if identifier is None or (callable(identifier) and not isinstance(identifier, str)):
            return identifier
        if isinstance(identifier, dict):
            return self.deserialize(identifier)
        found = keras.saving.get_registered_object(str(identifier))
        found = found or self.here.get(str(identifier))
        if found is None:
            return self.theirs.get(identifier)
        return found() if inspect.isclass(found) else found

    def deserialize(self, config: Any, custom_objects: Any = None) -> Any:
        # A scope within another one hides it.
        scope = keras.saving.custom_object_scope
        with scope(custom_objects) if custom_objects else contextlib.nullcontext():
            if not isinstance(config, dict):
                return self.get(config)
            name, settings = str(config.get("class_name")), config.get("config")
            if name == "function":
                return self.get(settings)
            registered = str(config.get("registered_name") or name)
            if registered.startswith(self.package):
                return self.theirs.deserialize(config)
            found: Any = keras.saving.get_registered_object(registered)
            found = found or self.here.get(name)
            if found is None:
                return self.theirs.deserialize(config)
            make = getattr(found, "from_config", None)
            return make(settings) if make and inspect.isclass(found) else found

"""The layers of Keras, a file for each family. Modules found here register their translations."""

import importlib
import pkgutil

from cortex_lab.interop.keras_layers.translation import (
    ABSENT,
    TRANSLATIONS,
    LayerSettings,
    Made,
    Untranslatable,
    translated,
)

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["ABSENT", "TRANSLATIONS", "LayerSettings", "Made", "Untranslatable", "translated"]

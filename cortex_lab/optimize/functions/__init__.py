"""Every test function, by family. Modules found here register their functions by being imported."""

import importlib
import pkgutil

from cortex_lab.optimize.function import FUNCTIONS

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

globals().update(FUNCTIONS)
__all__ = sorted(FUNCTIONS)

"""Every optimizer, a file or a small family each. Modules found here register them by being imported."""

import importlib
import pkgutil

from cortex_lab.optimize.optimizer import OPTIMIZERS

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

globals().update(OPTIMIZERS)
__all__ = sorted(OPTIMIZERS)

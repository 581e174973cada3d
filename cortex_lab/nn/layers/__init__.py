"""Every layer, a file or a small family each. Modules found here register their layers by being imported."""

import importlib
import pkgutil

from cortex_lab.ground.habits import answers_for
from cortex_lab.nn.contract.layer import LAYERS

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

globals().update(LAYERS)
__all__ = sorted(LAYERS)

__getattr__ = answers_for(__name__)

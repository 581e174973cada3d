"""Every loss, a file or a small family each. Modules found here register their losses by being imported."""

import importlib
import pkgutil

from cortex_lab.ground.habits import answers_for

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__getattr__ = answers_for(__name__)

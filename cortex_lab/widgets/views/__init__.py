"""The views, a file each. Modules found here register their views by being imported."""

import importlib
import pkgutil

from cortex_lab.widgets.chart.view import VIEWS

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

globals().update({cls.__name__: cls for cls in VIEWS.values()})
__all__ = sorted(cls.__name__ for cls in VIEWS.values())

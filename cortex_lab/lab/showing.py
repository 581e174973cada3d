"""How a session is shown: on a bench, view by view, or in a file; widgets come in when they are asked for."""

from __future__ import annotations

import os
from typing import Any


class Showing:
    """Base of `TrainingSession`: what draws it."""

    def bench(self, **options: Any) -> Any:
        """The live lab bench on this session, displayed; see `cortex_lab.widgets.Bench` for the options."""
        try:
            from cortex_lab.widgets import Bench
        except ImportError as missing:
            raise ImportError("the bench needs Jupyter widgets: pip install 'cortex-lab[lab]'") from missing
        session: Any = self
        return Bench(session, **options).show()

    def report(self, path: str | os.PathLike[str] = "report.html", **options: Any) -> Any:
        """Write what a bench shows to one .html file that opens without a kernel; returns its path.

        Its slider goes through steps of the session, its panels are linked as on the bench. See
        `cortex_lab.widgets.report.write_report` for the options: `moments=` and `views=`.
        """
        from cortex_lab.widgets.report import write_report

        session: Any = self
        return write_report(session, path, **options)

    @property
    def views(self) -> Any:
        """Each view of this session alone: `session.views.loss_curve()`; see `cortex_lab.widgets.Views`."""
        try:
            from cortex_lab.widgets import Views
        except ImportError as missing:
            raise ImportError("views need plotly and matplotlib: pip install 'cortex-lab[lab]'") from missing
        session: Any = self
        return Views(session)

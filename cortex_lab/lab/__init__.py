"""The front desk: `train` sets a training up, `TrainingSession` is what it returns.

| type              | what it is                                                                |
|-------------------|---------------------------------------------------------------------------|
| `train`           | reads the data as the loss asks, wires network, optimizer and study       |
| `TrainingSession` | a Session over a Training, with its network and data at hand              |
| `TrainingSetup`   | frozen: all that decides how a training goes, beside network and data     |
| `Recipe`          | frozen: data and setup, to be written down as Python                      |
"""

from cortex_lab.lab.session import Best, TrainingSession
from cortex_lab.lab.setup import TrainingSetup
from cortex_lab.lab.train import train

__all__ = ["Best", "TrainingSession", "TrainingSetup", "train"]

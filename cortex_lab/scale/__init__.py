"""Trainings on the workers of a Dask cluster, with the bits of one process.

    from distributed import Client, LocalCluster
    client = Client(LocalCluster(n_workers=2, threads_per_worker=1))
    session = cl.train(net, data, shards=4, cluster=client)

| type          | what it is                                                                            |
|---------------|---------------------------------------------------------------------------------------|
| `Team`        | the workers that find the gradients of one training; it lives where the notebook is   |
| `WorkersLost` | nobody is left to compute a step; the training stands after the last one              |
| `WrongWorker` | a worker of another version, or one that reads other data                             |

`Seat` is a worker as the notebook sees it, `Member` what runs there; a `Wire` connects them, over which
arrays go in a `SharedBlock` of shared memory or, between machines, after the words.
"""

from cortex_lab.ground.habits import answers_for
from cortex_lab.scale.seat import WrongWorker
from cortex_lab.scale.team import Team, WorkersLost

__all__ = ["Team", "WorkersLost", "WrongWorker"]

__getattr__ = answers_for(__name__)

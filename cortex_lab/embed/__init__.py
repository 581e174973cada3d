"""Maps of high-dimensional points, laid out step by step. Needs openTSNE: pip install cortex-lab[embed]

| type          | what it is                                                                    |
|---------------|-------------------------------------------------------------------------------|
| `TSNE`        | t-SNE as a Process: a Session steps it, watches it and rewinds it             |
| `AlignedTSNE` | maps of the same rows at several moments of a training, each in its place     |
| `AlignedMap`  | one of those: positions, how far each point drifted                           |
| `PCA`         | the two principal components: a map at once                                   |
| `quality`     | how much a map can be believed: trustworthiness, continuity, ..., `MapQuality`|
"""

from cortex_lab.embed._quality import MapQuality, quality
from cortex_lab.embed.aligned import AlignedMap, AlignedTSNE
from cortex_lab.embed.pca import PCA
from cortex_lab.embed.tsne import TSNE
from cortex_lab.ground.habits import answers_for

__all__ = ["PCA", "TSNE", "AlignedMap", "AlignedTSNE", "MapQuality", "quality"]

__getattr__ = answers_for(__name__)

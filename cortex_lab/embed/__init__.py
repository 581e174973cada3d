"""Maps of high-dimensional points, laid out step by step. Needs openTSNE: pip install cortex-lab[embed]

| type   | what it is                                                          |
|--------|---------------------------------------------------------------------|
| `TSNE` | t-SNE as a Process: a Session steps it, watches it and rewinds it   |
"""

from cortex_lab.embed.tsne import TSNE
from cortex_lab.ground.habits import answers_for

__all__ = ["TSNE"]

__getattr__ = answers_for(__name__)

"""Samples in pandas frames, and batches of them. Knows nothing of networks or widgets.

| type           | what it is                                                                      |
|----------------|---------------------------------------------------------------------------------|
| `Dataset`      | a frame with inputs, a target and splits; shows itself as a table with pictures |
| `Batches`      | the batches of every epoch, each a pure function of (seed, step)                |
| `Batch`        | inputs, targets and row numbers of one step                                     |
| `TensorArray`  | pandas column whose rows are arrays of one shape, in memory or in a file        |
| `RaggedArray`  | pandas column of sequences, each of its own length; its type is `RaggedDtype`    |
| `Source`       | where rows lie: `take`, `put`, length, shape and dtype are all that is asked    |
| `DecodedSource`| a `Source` of files, such as pictures, each decoded when it is wanted           |
| `TensorDtype`  | its type, written `tensor[float32, 8x8x1]`                                      |
| `Augmentation` | what is done to rows while they are trained on, drawn anew in every epoch       |
| `Tensor`       | one cell of it: an immutable array, shown as a picture                          |
| `read`         | what is in a file or folder, as a Dataset; `readers` has a file for each kind   |
| `read_images`  | pictures in a folder, or named by a column of a frame                           |
| `load`         | a data set by name; `available()` lists the names                               |
| `read_idx`     | the array in an IDX file                                                        |
| `write`        | a frame to Parquet or Feather, its tensors a few megabytes at a time            |
| `Preparation`  | what makes numbers of columns of any kind, fitted on the rows to train on       |
| `WordIds`      | a transformer of texts into sequences of ids, for an Embedding                  |
| `views`        | pictures of data for a notebook: overview, class_balance, image_grid, drift ... |
| `pandas_type`  | what a tensor of a table that Arrow read is in pandas: its `types_mapper`       |
"""

from cortex_lab.data.arrow import pandas_type
from cortex_lab.data.augmentation import Augmentation
from cortex_lab.data.batch import Batch
from cortex_lab.data.batches import Batches
from cortex_lab.data.dataset import Dataset
from cortex_lab.data.decoded import DecodedSource
from cortex_lab.data.idx import read_idx
from cortex_lab.data.loading import available, load
from cortex_lab.data.preparing import Preparation
from cortex_lab.data.ragged import RaggedArray
from cortex_lab.data.ragged_dtype import RaggedDtype
from cortex_lab.data.reading import read, read_images
from cortex_lab.data.source import Source
from cortex_lab.data.tensor import Tensor, TensorDtype
from cortex_lab.data.tensor_array import TensorArray
from cortex_lab.data.views import class_balance, drift, farthest, image_grid, near_duplicates, overview
from cortex_lab.data.word_ids import WordIds
from cortex_lab.data.writing import write
from cortex_lab.ground.habits import answers_for

__all__ = [
    "Augmentation",
    "Batch",
    "Batches",
    "Dataset",
    "DecodedSource",
    "Preparation",
    "RaggedArray",
    "RaggedDtype",
    "Source",
    "Tensor",
    "TensorArray",
    "TensorDtype",
    "WordIds",
    "available",
    "class_balance",
    "drift",
    "farthest",
    "image_grid",
    "load",
    "near_duplicates",
    "overview",
    "pandas_type",
    "read",
    "read_idx",
    "read_images",
    "write",
]

__getattr__ = answers_for(__name__)

"""Texts as ids of the words that stand in the rows to train on, padded, masked, and given back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import cortex_lab as cl
from cortex_lab.data import Dataset, WordIds

TEXTS = ["Good film!", "a bad bad film", None, "good, good", "the film was what it was"]
FRAME = pd.DataFrame({"text": TEXTS * 8, "y": ["up", "down", "down", "up", "down"] * 8})
SPLITS = {"train": list(range(30)), "test": list(range(30, 40))}


def test_words_are_numbered_by_how_often_they_are_there_behind_padding_and_unknown():
    ids = WordIds().fit(FRAME["text"][:5])
    assert (
        ids.words_.tolist()[:2] == ["film", "good"] and ids.length_ == 6 and ids.count == len(ids.words_) + 2
    )
    found = ids.transform(pd.Series(["good FILM", None, "unheard of, good good good good good"]))
    assert found.tolist() == [
        [3, 2, 0, 0, 0, 0],
        [0] * 6,
        [1, 1, ids.words_.tolist().index(",") + 2, 3, 3, 3],
    ]
    assert ids.inverse_transform(found).ravel().tolist() == ["good film", "", "? ? , good good good"]
    assert WordIds(most=1).fit(FRAME["text"]).count == 3
    assert WordIds(least=9).fit(FRAME["text"]).words_.tolist() == ["film", "good", "bad", "was"]
    assert WordIds(lower=False).fit(FRAME["text"]).words_.tolist().count("Good") == 1
    assert clone(WordIds(length=3)).fit(FRAME[["text"]]).length_ == 3
    assert not hasattr(clone(ids), "words_") and ids.get_params()["length"] is None


@pytest.mark.parametrize(
    "wrong, said",
    [({"length": 0}, "length must be"), ({"most": "many"}, "most must be"), ({"lower": 1}, "lower must be"),
     ({"least": 99}, "column 'text' has no word that occurs 99 times")],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(wrong, said):
    with pytest.raises((ValueError, TypeError), match=said):
        WordIds(**wrong).fit(FRAME["text"])
    with pytest.raises(ValueError, match="reads one column, got 'text', 'y'"):
        WordIds().fit(FRAME)
    with pytest.raises(ValueError, match="has no 'longest'; it has length"):
        WordIds().set_params(longest=3)


LAYERS = {
    "GRU": lambda: [cl.GRU(4)],
    "LSTM": lambda: [cl.LSTM(4)],
    "both ways": lambda: [cl.Bidirectional(cl.GRU(3))],
    "pooled": lambda: [cl.Conv1D(4, 2), cl.GlobalMaxPooling1D()],
}


@pytest.mark.parametrize("kind", LAYERS)
def test_networks_read_texts_padded_as_they_read_them_alone(kind, tmp_path):
    data = Dataset(FRAME, "text", "y", SPLITS, prepare=WordIds(length=9))
    ids, masked = data.preparation.transformer, kind != "pooled"
    assert data.input_shape == (9,) and "words learned, texts of up to 9 words" in repr(data)
    network = cl.Network(
        [cl.Embedding(ids.count, 4, mask_zero=masked), *LAYERS[kind](), cl.Dense(1)], data.input_shape
    )
    session = cl.train(network, data, batch_size=10)
    session.run(6)
    by_hand = clone(WordIds(length=9)).fit(FRAME["text"][:30]).transform(FRAME["text"])
    np.testing.assert_array_equal(data.test.arrays()[0], by_hand[30:])
    rows = pd.DataFrame({"text": ["good unheard film", None]}, index=["first", "second"])
    network.save(tmp_path / "network.h5")
    loaded = cl.Network.load(tmp_path / "network.h5")
    np.testing.assert_array_equal(loaded.predict(rows), network.predict(rows))
    assert loaded.classify(rows).index.tolist() == ["first", "second"]
    if masked:
        # The same weights over fewer steps: padding is passed over.
        short = cl.Network([cl.Embedding(ids.count, 4, mask_zero=True), *LAYERS[kind](), cl.Dense(1)], 3)
        short.params[...] = network.params
        np.testing.assert_allclose(
            short.predict(np.float32([[3, 1, 2], [0, 0, 0]])), network.predict(rows), rtol=1e-5, atol=1e-6
        )


def test_texts_beside_numbers_are_an_input_of_their_own():
    frame = FRAME.assign(stars=np.arange(40.0), more="x")
    inputs = {"text": "text", "rest": ["stars", "more"]}
    data = Dataset(frame, inputs, "y", SPLITS, prepare={"text": WordIds(), "rest": None})
    assert data.input_shape == {"text": (6,), "rest": (2,)}
    with pytest.raises(
        ValueError, match=r"'text' holds ids of words.*cl\.Embedding\(\d+, 32, mask_zero=True\)"
    ):
        cl.models.mlp_for(data)
    ids = data.preparation["text"].transformer
    network = cl.Network(
        [
            cl.Node(cl.Embedding(ids.count, 4, mask_zero=True), "embedding", ("text",)),
            cl.Node(cl.GRU(3), "read", ("embedding",)),
            cl.Node(cl.Concatenate(), "all", ("read", "rest")),
            cl.Node(cl.Dense(1), "out", ("all",)),
        ],
        data.input_shape,
    )
    session = cl.train(network, data, batch_size=8)
    session.run(3)
    assert session.score() == session.score(frame.iloc[30:])

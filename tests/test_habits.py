"""What people type who come from Keras, PyTorch or scikit-learn: each works, or says what to type.

`python -m tests.test_habits` writes the table of it, docs/habits.md.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from tests.elsewhere import ELSEWHERE, LAYERS

DOCUMENT = Path(__file__).parents[1] / "docs" / "habits.md"
ROWS = 60
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(ROWS, 4)).astype(np.float32)
Y = np.arange(ROWS) % 3
FRAME = pd.DataFrame(
    {
        "age": RANDOM.normal(size=ROWS),
        "city": np.array(["Bern", "Oslo", "Rome"])[Y],
        "garden": Y > 0,
        "price": RANDOM.normal(size=ROWS),
    }
)


def named() -> dict[str, Any]:
    """What the lines below speak of, made anew for each: nothing that one does is seen by another."""
    net = cl.Network([cl.Dense(8, activation="relu"), cl.Dense(3)], 4)
    session = cl.train(cl.Network([cl.Dense(3)], 4), (X, Y), "cross_entropy", "adam")
    session.step()
    return {
        "cl": cl, "np": np, "pd": pd, "net": net, "session": session, "X": X, "y": Y, "frame": FRAME,
        "values": X[:, 0] ** 2, "yes": Y > 0, "names": np.array(["ant", "bee", "cow"])[Y],
        "one_hot": np.eye(3)[Y], "Adam": type("Adam", (), {"__module__": "torch.optim"}),
        "CrossEntropyLoss": type("CrossEntropyLoss", (), {"__call__": len}),
        "one": cl.Network([cl.Dense(1)], 4), "table_net": cl.Network([cl.Dense(1)], 5),
        "soft": cl.Network([cl.Dense(3, activation="softmax")], 4),
        "sigmoid": cl.Network([cl.Dense(1, activation="sigmoid")], 4),
        "three": cl.Network([cl.Dense(3, "sigmoid")], 4), "several": (X > 0)[:, :3] * 1,
    }  # fmt: skip


# By what is typed, what happens: a piece of how the result shows itself, or after "!" of the error's text.
HABITS: dict[str, dict[str, str]] = {
    "What others have": {
        "net.predict(X, verbose=0)": "!progress=False) is silent; elsewhere leave it out",
        "net.predict(X, batch_size=3)": "!leave it out",
        "net(X, training=False)": "!never trains; leave it out",
        "net.parameters()": "!leave the () out",
        "net.parameters['dense_1/kernal']": "!did you mean 'dense_1/kernel'",
        "net.parameters['dense_3/bias']": "!it has dense_1/kernel, dense_1/bias",
        "cl.StandardScaler": "!cl.Normalization().adapt(x)",
        "cl.train_test_split": "!dataset.split(test=0.25)",
        "cl.MSE": "!say cl.MeanSquaredError",
        **{f"cl.{name}": f"!{said}" for name, said in ELSEWHERE.items()},
        "net.layers['dense_1']": "!network.graph.nodes['dense_1']",
        "net['dense_1']": "!network.graph.nodes['dense_1']",
        "net.decision_function(X)": "!network.predict(x)",
        "net.confusion_matrix(X, y)": "!sklearn.metrics.confusion_matrix(",
        "net.predict(pd.DataFrame(X).iloc[0])": "!frame.iloc[[0]]",
        "cl.no_grad": "!never trains; leave it out",
        "cl.cuda": "!ops='gpu'",
        "cl.device": "!ops='gpu'",
        "cl.TransformerEncoder": "!cl.models.transformer",
        "cl.InstanceNorm2d": "!cl.GroupNormalization",
        "cl.Lambda": "!a cl.nn.Layer of your own",
        "cl.random": "!seed=0",
        "cl.TextVectorization": "!cl.Embedding reads ids",
        "cl.train(cl.models.mlp_for(cl.data.load('iris')), cl.data.load('iris'))": "softmax_cross_entropy",
        "cl.nn.Linear": "!say cl.Dense",
        "cl.nn.Module": "!cl.Network([layer, ...], input_shape)",
        "cl.nn.layers.Linear": "!say cl.Dense",
        "cl.nn.losses.MSELoss": "!say cl.MeanSquaredError",
        "cl.data.DataLoader": "!dataset.batches(32)",
        "cl.optimize.adam": "!say cl.optimize.Adam",
        "cl.study.EarlyStopping": "!cl.stalled(",
        "cl.models.ResNet": "!say cl.models.resnet",
        "net.layers[0].get_weights()": "!network.parameters['dense_1/kernel']",
        "net.layers[-1].output": "!network.activations(x, ['dense_2'])",
        "net.gradient_of(X)": "!network.gradient_of(rows=x",
        "cl.train(net, (X, y), optimizer=Adam)  # of torch.optim": "!say cl.Adam(1e-3)",
        "cl.train(net, (X, y), CrossEntropyLoss())  # of torch.nn": "!such as 'CrossEntropyLoss'",
    },
    "What computes elsewhere": LAYERS,
    "Losses": {
        "cl.train(one, (X, values), 'mse')": "mean_squared_error",
        "cl.train(one, (X, values), 'MSE')": "mean_squared_error",
        "cl.train(one, (X, values), 'MSELoss')": "mean_squared_error",
        "cl.train(one, (X, values), 'squared_error')": "mean_squared_error",
        "cl.train(one, (X, values), 'l2')": "mean_squared_error",
        "cl.train(one, (X, values), 'mae')": "mean_absolute_error",
        "cl.train(one, (X, values), 'l1_loss')": "mean_absolute_error",
        "cl.train(one, (X, values), 'smooth_l1')": "huber",
        "cl.train(one, (X, values), 'HuberLoss')": "huber",
        "cl.train(one, (X, values), cl.Huber)": "<TrainingSession at rest at step 0>",
        "cl.train(net, (X, y), 'crossentropy')": "softmax_cross_entropy",
        "cl.train(net, (X, y), 'cross_entropy')": "softmax_cross_entropy",
        "cl.train(net, (X, y), 'CrossEntropyLoss')": "softmax_cross_entropy",
        "cl.train(net, (X, y), 'nll_loss')": "softmax_cross_entropy",
        "cl.train(net, (X, y), 'log_loss')": "softmax_cross_entropy",
        "cl.train(net, (X, y), 'sparse_categorical_crossentropy')": "softmax_cross_entropy",
        "cl.train(net, (X, one_hot), 'categorical_crossentropy')": "softmax_cross_entropy(one_hot=True)",
        "cl.train(soft, (X, one_hot), 'categorical_crossentropy')": "categorical_cross_entropy(one_hot=True)",
        "cl.train(soft, (X, y), 'sparse_categorical_crossentropy')": "minimizes categorical_cross_ent",
        "cl.train(one, (X, yes), 'bce')": "sigmoid_cross_entropy",
        "cl.train(one, (X, yes), 'BCEWithLogitsLoss')": "sigmoid_cross_entropy",
        "cl.train(one, (X, yes), 'binary_crossentropy')": "sigmoid_cross_entropy",
        "cl.train(sigmoid, (X, yes), 'binary_crossentropy')": "binary_cross_entropy",
        "cl.train(sigmoid, (X, yes), 'cross_entropy')": "binary_cross_entropy",
        "cl.train(one, (X, values), 'log_cosh')": "!'huber' bounds the pull of outliers",
        "cl.train(one, (X, values), 'kld')": "!CategoricalCrossEntropy(one_hot=True)",
        "cl.train(one, (X, values), 'hinge')": "!'cross_entropy' separates classes",
        "cl.train(one, (X, values), 'mean_squared_eror')": "!did you mean 'mean_squared_error'",
        "cl.train(one, (X, values), lambda y, t: (y - t)**2)": "!one of your own is a class",
    },
    "No loss at all": {
        "cl.train(net, (X, y))": "minimizes softmax_cross_entropy for",
        "cl.train(net, (X, names))": "the targets are 3 labels",
        "cl.train(soft, (X, y))": "minimizes categorical_cross_entropy for",
        "cl.train(one, (X, values))": "minimizes mean_squared_error for",
        "cl.train(one, (X, yes))": "minimizes sigmoid_cross_entropy for",
        "cl.train(sigmoid, (X, yes))": "minimizes binary_cross_entropy for",
        "cl.train(cl.Network([cl.Dense(2), cl.Dense(4)], 4), (X, X))": "the targets are the inputs",
        "cl.train(table_net, (frame, 'price'))": "predicts 'price'",
        "cl.train(one, (X, names))": "!end the network in Dense(3)",
        "cl.train(net, X, y)": "!a pair: train(network, (inputs, targets))",
    },
    "Optimizers": {
        "cl.train(net, (X, y), 'mse_or_so', 'adam')": "!there is no loss",
        "cl.train(net, (X, y), optimizer='adam')": "learns by Adam(0.001)",
        "cl.train(net, (X, y), optimizer='sgd')": "learns by SGD(0.01)",
        "cl.train(net, (X, y), optimizer='RMSprop')": "learns by RMSprop(",
        "cl.train(net, (X, y), optimizer='rms_prop')": "learns by RMSprop(",
        "cl.train(net, (X, y), optimizer='adamw')": "learns by AdamW(",
        "cl.train(net, (X, y), optimizer=cl.Adam)": "learns by Adam(0.001)",
        "cl.train(net, (X, y))  # no optimizer": "learns by Adam(0.001)",
        "cl.train(net, (X, y), optimizer='adam(0.01)')": "!say cl.Adam(0.01), without quotes",
        "cl.train(net, (X, y), optimizer='adm')": "!did you mean 'Adam'",
        "cl.Adam(lr=1e-3)": "!learning_rate=",
        "cl.Adam(betas=(0.9, 0.99))": "!beta_1=0.9, beta_2=0.999",
        "cl.Adam(beta1=0.9)": "!beta_1=",
        "cl.Adam(eps=1e-7)": "!epsilon=",
        "cl.Adam(momentum=0.9)": "!beta_1=",
        "cl.Adam(clipnorm=1.0)": "!clip_norm=",
        "cl.SGD(lr=0.1, momentum=0.9)": "!learning_rate=",
    },
    "Layers": {
        "cl.Dense(10, 'relu')": "activation='relu'",
        "cl.Dense(10, activation='ReLU')": "activation='relu'",
        "cl.Dense(10, activation=cl.ReLU())": "activation='relu'",
        "cl.Dense(10, activation=cl.ReLU)": "activation='relu'",
        "cl.Dense(10, activation='silu')": "activation='swish'",
        "cl.Dense(10, activation='logistic')": "activation='sigmoid'",
        "cl.Dense(10, activation='identity')": "activation='linear'",
        "cl.Dense(10, activation='leaky_relu')": "!put LeakyReLU(0.2) behind",
        "cl.Dense(10, activation=cl.LeakyReLU(0.1))": "!LeakyReLU(negative_slope=0.1) behind",
        "cl.Dense(10, activation='rleu')": "!did you mean 'relu'",
        "cl.Dense(10, activation=np.tanh)": "!say its name",
        "cl.Dense(10, kernel_initializer='HeNormal')": "he_normal",
        "cl.Dense(10, kernel_initializer='he_normal')": "he_normal",
        "cl.Dense(10, kernel_initializer='xavier_uniform')": "glorot_uniform",
        "cl.Dense(10, kernel_initializer='kaiming_normal')": "he_normal",
        "cl.Dense(10, kernel_initializer=cl.nn.initializers.RandomNormal)": "RandomNormal(",
        "cl.Network([cl.Dense(10, name='head')], 4).layers": "['head']",
        "cl.Network([cl.Dense(10, name='a'), cl.Dense(3, name='a')], 4)": "!two nodes are called 'a'",
        "cl.Network([cl.Dense], 4)": "!say Dense()",
        "cl.Dense(out_features=10)": "!units=",
        "cl.Dense(10, bias=False)": "!use_bias=",
        "cl.Dense(10, input_shape=(4,))": "!Network(layers, input_shape=...)",
        "cl.Dense(10, kernel_regularizer='l2')": "!penalties=",
        "cl.Dense(10, trainable=False)": "!frozen=",
        "cl.Conv2D(8, 3, padding='SAME')": "padding='same'",
        "cl.Conv2D(8, 3, padding='Valid')": "padding='valid'",
        "cl.Conv2D(8, 3, stride=2)": "!strides=",
        "cl.Conv2D(out_channels=8, kernel_size=3)": "!filters=",
        "cl.Conv2D(8, 3, data_format='channels_last')": "!(height, width, channels), always",
        "cl.Dropout(p=0.5)": "!rate=",
        "cl.GRU(8, dropout=0.2)": "!put cl.Dropout(0.2) before it or behind it",
        "cl.LSTM(8, return_sequence=True)": "!return_sequences",
        "cl.Embedding(num_embeddings=10, embedding_dim=4)": "!input_dim=",
    },
    "Networks": {
        "cl.Sequential([cl.Dense(3)])": "!cl.Network([layer, ...], input_shape)",
        "cl.Linear(4, 3)": "!cl.Dense",
        "cl.MaxPool2D(2)": "!cl.MaxPooling2D",
        "cl.BatchNorm1d(3)": "!cl.BatchNormalization",
        "cl.Conv2d(8, 3)": "!cl.Conv2D",
        "cl.Dens(3)": "!did you mean 'Dense'",
        "cl.EarlyStopping(patience=3)": "!cl.stalled('validation_loss', patience=5)",
        "cl.DataLoader(X)": "!dataset.batches(32)",
        "cl.Dataset(frame)": "!cl.data.Dataset",
        "cl.Network([cl.Dense(3)], (None, 4))": "!leave the rows out: input_shape=(4,)",
        "cl.Network([cl.Dense(3)], 4, name='mlp')": "!name the layers",
        "net(X).shape": "(60, 3)",
        "net.summary()": "dense_1",
        "net.fit(X, y)": "!session = cl.train(network, data), then session.run(cl.epochs(5))",
        "net.compile('adam', 'mse')": "!cl.train(network, data, loss, optimizer)",
        "net.evaluate(X, y)": "!session.score(",
        "net.score(X, y)": "!session.score(",
        "net.forward(X)": "!network.predict(x)",
        "net.predict_proba(X)": "!scipy.special.softmax(network.predict(x), axis=-1)",
        "one.predict_proba(X)": "!scipy.special.expit(network.predict(x))",
        "net.predict_classes(X)": "!network.predict(x).argmax(axis=-1)",
        "one.predict_classes(X)": "!network.predict(x) > 0",
        "sigmoid.predict_classes(X)": "!network.predict(x) > 0.5",
        "net.train()": "!cl.train(network, data)",
        "net.eval()": "!never trains",
        "net.state_dict()": "!network.save('it.h5')",
        "net.load_weights('it.h5')": "!cl.Network.load('it.h5')",
        "net.get_weights()": "!network.parameters",
        "net.named_parameters()": "!network.parameters.items()",
        "net.count_params()": "!network.params.size",
        "net.to('cuda')": "!ops='gpu'",
        "net.add(cl.Dense(3))": "!list all layers when the network is made",
        "net.get_layer('dense_1')": "!network.graph.nodes",
        "net.backward()": "!network.gradient_of(",
        "net.params = np.zeros(67)": "!network.params[...] = array",
        "net.trainable = False": "!cl.train(..., frozen=['dense_1'])",
        "net.lr = 0.1": "!cl.Adam(learning_rate=1e-3)",
        "net.ops = 'gpu'": "!cl.Network(..., ops='gpu')",
        "net.parameters['dense_1/kernel'] = np.zeros((4, 8))": "",
        "net.parameters['dense_1/kernal'] = 0": "!did you mean 'dense_1/kernel'",
    },
    "Data": {
        "cl.train(net, (X, y[:, None]))": "softmax_cross_entropy",
        "cl.train(net, (X.tolist(), y.tolist()))": "softmax_cross_entropy",
        "cl.train(table_net, (frame, 'prize'))": "!did you mean 'price'",
        "cl.train(table_net, frame)": "!give (frame, 'price')",
        "cl.train(table_net, frame.rename(columns={'price': 'target'}))": "predicts 'target'",
        "cl.train(table_net, 'houses.csv')": "!pandas.read_csv('houses.csv')",
        "cl.train(net, (X, X, y, y))": "!validation=(X_test, y_test)",
        "cl.train(net, (X, y), validation=0.2)": "softmax_cross_entropy",
        "cl.train(net, (X, y), validation_split=0.2)": "!validation=",
        "cl.train(net, (X, y), validation_data=(X, y))": "!validation=",
        "cl.train(net, (X, y), batch_size=128)": "(warns) batch_size=128 is more than the 60 rows",
        "cl.train(net, (X, y), lr=1e-3)": "!Adam(learning_rate=1e-3)",
        "cl.train(net, (X, y), epochs=5)": "!session.run(cl.epochs(5))",
        "cl.train(net, (X, y), verbose=0)": "!progress=False",
        "cl.train(net, (X, y), callbacks=[])": "!session.subscribe(function)",
        "cl.train(net, (X, y), scheduler='cosine')": "!Adam(CosineDecay(1e-3, 1000))",
        "cl.train(net, (X, y), n_jobs=-1)": "!leave it out",
        "cl.train(net, (X, y), num_workers=4)": "!leave it out",
        "cl.train(net, ((X, y), (X, y)))": "!validation=(inputs, targets)",
        "cl.train(table_net, (frame.price, frame))": "!give (frame, 'price')",
        "cl.train(net, (X, y), shuffle=True)": "!leave it out",
        "cl.train(net, (X, y), criterion='mse')": "!loss=",
        "cl.train(net, (X, y), random_state=0)": "!seed=",
        "cl.train(net, (X, y), device='cuda')": "!ops='gpu'",
        "cl.train(net, (X, y), batchsize=8)": "!batch_size=",
        "cl.train(table_net, frame, target='price')": "!train(network, (frame, 'price'))",
        "cl.train(net, inputs=X, targets=y)": "!train(network, (inputs, targets))",
        "cl.train(net, {'x': X, 'y': y})": "!(data['x'], data['y'])",
        "cl.train(table_net, dict(frame))": "!(pandas.DataFrame(data), 'price')",
        "cl.train(net, list(zip(X, y)))": "!x, y = map(numpy.stack, zip(*data))",
        "cl.train(net, iter([(X, y)]))": "!x, y = map(numpy.concatenate, zip(*data))",
        "cl.train(net, (X, y, np.ones(60)))": "!sample_weight=w",
        "cl.train(net, X)": "!(x, x) learns to give them again",
        "cl.train(net, None)": "!a Dataset or a pair (inputs, targets)",
    },
    "Datasets": {
        "cl.data.Dataset(frame, target='price')": "target 'price'",
        "cl.data.Dataset(frame, targets='price')": "!it is called target= here",
        "cl.data.Dataset(frame, target='prize')": "!did you mean 'price'",
        "cl.data.Dataset('houses.csv')": "!frame must be a pandas.DataFrame",
        "cl.Network([cl.Dense(1)], cl.data.Dataset(frame, target='price'))": "5",
        "cl.data.Dataset(frame, target='price').split(test_size=0.2)": "!test=",
        "cl.data.Dataset(frame, target='price').split(random_state=1)": "!seed=",
        "cl.data.Dataset(frame, target='price').split(shuffle=False)": "!splits={'test': range(225, 300)}",
        "cl.data.Dataset(frame, target='price').split(train=0.8)": "!split(test=0.2, validation=0.1)",
        "cl.data.Dataset(frame, target='price').split(group='city')": "!groups=",
        "cl.data.Dataset(frame, target='price').folds(n_splits=5)": "!it is called k= here",
        "cl.data.Dataset(frame, target='price').folds(shuffle=True)": "!by seed=; leave it out",
        "cl.data.Dataset(frame, target='price').split(validation=[0, 1])": "!splits={'validation': rows}",
        "train, test = cl.data.Dataset(frame, target='price').split()": "!dataset.train, .validation and",
        "cl.data.Dataset(frame, target='price')['age']": "!dataset.frame['age']",
        "cl.data.Dataset(frame, target='price').inputs = ['age']": "!Dataset(dataset.frame, inputs=...)",
        "cl.data.Dataset(frame, 'price')": "!Dataset(frame, target='price')",
        "cl.data.Dataset(frame, target=frame.price)": "!frame.assign(label=y)",
        "cl.data.Dataset(frame, target='price').dropna()": "!change the frame",
        "cl.data.Dataset(frame, target='price').fillna(0)": "!change the frame",
        "cl.data.Dataset(frame, target='price').normalize()": "!cl.Normalization().adapt(dataset)",
        "cl.data.Dataset(frame, target='price').X": "!x, y = dataset.arrays()",
        "cl.data.Dataset(frame, target='price').df": "!dataset.frame",
        "cl.data.Dataset(frame, target='price').shape": "!dataset.input_shape",
        "cl.embed.TSNE(cl.data.Dataset(frame, ['age', 'price'], 'city'), perplexity=5).labels": "'Bern'",
    },
    "Sessions": {
        "session.run(500)": "<Stop at step 501",
        "session.run(epochs=5)": "!cl.epochs(5)",
        "session.run('5 epochs')": "!say cl.epochs(5)",
        "session.run('epochs=5')": "!say cl.epochs(5)",
        "session.run('100 steps')": "!say session.run(100)",
        "session.run('10 minutes')": "!say cl.seconds(600)",
        "session.edit('lr', 0.1)": "!say 'learning_rate'",
        "session.edit('weight', 0.1)": "!did you mean 'weights'",
        "session.run(cl.epochs(5), verbose=0)": "!progress=",
        "session.fit(X, y)": "!session.run(cl.epochs(5))",
        "session.predict(X)": "!session.network.predict(x)",
        "session.evaluate(X, y)": "!session.score(",
        "session.score((X, y))": "'accuracy'",
        "session.score((X, y), metrics='acc')": "!it has accuracy",
        "session.score((X, y), metrics='auc')": "!it has roc_auc, roc_auc_ovr",
        "session.score((X, y), metrics=['mae'])": "!neg_mean_absolute_error",
        "session.score((X, y), metrics=['mse'])": "!neg_mean_squared_error",
        "session.score((X, y), metrics=['rmse'])": "!neg_root_mean_squared_error",
        "cl.train(three, (X, one_hot), metrics=['accuracy'], validation=0.2)": "end the network in Dense(3)",
        "cl.train(three, (X, several), metrics='accuracy', validation=0.2)": "metrics=[hamming_loss]",
        "session.history.history['loss']": "!session.trace",
        "session.history['loss']": "!session.trace['loss']",
        "session.history.epoch": "!session.trace.frame()",
        "session.loss": "!session.trace['loss']",
        "session.model": "!session.network",
        "session.summary()": "!session.network.summary()",
        "session.stop()": "!session.pause()",
        "session.save_weights('it.h5')": "!session.network.save('it.h5')",
        "session.classes_": "!session.network.classes",
        "session.confusion_matrix()": "!sklearn.metrics.confusion_matrix(",
        "session.score()": "!the data are not split",
        "session.lr": "!session.edit('learning_rate', 1e-4)",
        "session.learning_rate = 10.0": "!session.edit('learning_rate', ...) changes it",
        "session.frozen = ['dense_1']": "!session.edit('frozen', ...) changes it",
        "session.optimizer = 'sgd'": "!train(..., optimizer=...)",
        "session.batch_size = 8": "!train(..., batch_size=...)",
        "session.stop_on_faults = False": "!did you mean 'stop_on_fault'?",
    },
}
LINES = {line: happens for group in HABITS.values() for line, happens in group.items()}


def what_happens(line: str) -> str:
    """How what is typed shows itself, or "!" and what the error says."""
    names = named()
    _, _, value = line.partition(" = ")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            if value:
                exec(line, names)
            shown = "" if value else repr(eval(line, names))
        except Exception as error:
            return f"!{error.args[0]}"
    return f"(warns) {warned[0].message}" if warned else shown


@pytest.mark.parametrize("line", LINES)
def test_a_habit_works_or_is_answered(line):
    happens, found = LINES[line], what_happens(line)
    assert found.startswith("!") == happens.startswith("!"), found
    assert happens.removeprefix("!") in found
    if happens.startswith("!"):
        assert len(found) < 320 and found.count("\n") == 0


@pytest.mark.parametrize("room", cl._ROOMS)
def test_every_room_answers_for_what_others_have_there(room):
    with pytest.raises(AttributeError, match=r"Normalization\(\).adapt"):
        _ = getattr(cl, room).StandardScaler
    assert not hasattr(getattr(cl, room), "__wrapped__")


def test_there_are_many():
    assert len(LINES) > 120 and sum(map(len, HABITS.values())) == len(LINES)


def table() -> str:
    """docs/habits.md, of what happens now."""
    lines = [
        "# Habits",
        "",
        "What people type who come from Keras, PyTorch or scikit-learn, and what happens. Written by",
        "`python -m tests.test_habits`, which types each line. `net` ends in three raw outputs, `soft` in",
        "a softmax, `one` in one raw output, `sigmoid` in a sigmoid; `frame` is a table with words in it.",
    ]
    for group, habits in HABITS.items():
        lines += ["", f"## {group}", "", "| typed | what happens |", "|---|---|"]
        for line, happens in habits.items():
            found = what_happens(line) if happens.startswith(("!", "(warns)")) else happens
            # What there is grows, and is said elsewhere.
            said = re.sub(r"there are [a-z_0-9]+,[^;]*", "there are ...", found.removeprefix("!"))
            works = f"works: `{said}`" if said else "works"
            lines.append(f"| `{line}` | {said if found.startswith('!') else works} |")
    return "\n".join([*lines, ""])


def test_the_document_says_what_happens():
    assert DOCUMENT.read_text(encoding="utf-8") == table()


if __name__ == "__main__":
    DOCUMENT.write_text(table(), encoding="utf-8")

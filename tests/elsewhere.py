"""What is imported elsewhere around a training, and a piece of what is answered."""

ELSEWHERE = {

    "LabelEncoder": "network.classes",
    "OneHotEncoder": "read as they are",
    "to_categorical": "leave it out",
    "KFold": "dataset.folds(k=5)",
    "cross_val_score": "dataset.folds(k=5)",
    "GridSearchCV": "session.fork(",
    "Pipeline": "cl.Normalization().adapt(x)",
    "ColumnTransformer": "cl.Normalization().adapt(x)",
    "SimpleImputer": "frame.fillna(",
    "accuracy_score": "session.score(",
    "confusion_matrix": "sklearn.metrics.confusion_matrix(",
    "metrics": "cl.train(..., metrics=",
    "PCA": "sklearn.decomposition.PCA",
    "read_csv": "pandas.read_csv",
    "LearningRateScheduler": "cl.StepDecay(",
    "summary": "network.summary()",
    "keras": "cl.Network, cl.Dense, cl.train",
}

LAYERS = {
    "cl.Dense(3)(X)": "!cl.Network([cl.Dense(...)], x.shape[1:]).predict(x)",
    "cl.ReLU()(X)": "!cl.Network([cl.ReLU(...)], x.shape[1:]).predict(x)",
    "cl.Dense(3)(cl.Dense(8))": "!cl.Network([..., cl.Dense(...)], input_shape)",
    "cl.Add()(net, net)": "!cl.Node(cl.Add(...), inputs=('a', 'b'))",
    "cl.Dense(3).get_weights()": "!network.parameters['dense_1/kernel']",
    "cl.Dense(3).build(4)": "!cl.Network([layer], input_shape)",
    "cl.Dense(3).trainable": "!frozen=['dense_1']",
    "cl.Normalization().fit(X)": "!layer = cl.Normalization().adapt(x)",
    "cl.Normalization().fit_transform(X)": "!layer = cl.Normalization().adapt(x)",
    "cl.Normalization().transform(X)": "!cl.Network([cl.Normalization().adapt(x), ...], input_shape)",
    "cl.Normalization().inverse_transform(X)": "!cl.Normalization(invert=True).adapt(y)",
    "cl.Network([cl.Normalization()], 4)": "!Normalization().adapt(x_train) is one that has",
    "cl.Dense(3, activation=cl.Dense(3))": "!activation",
    "cl.train(net, (X, y), cl.Dense(3))": "!there is no loss",
    "session.score((X, y), metrics=['hamming_loss'])": "!metrics=[sklearn.metrics.hamming_loss]",
}
"""What is asked of what does not compute it, by what is typed."""

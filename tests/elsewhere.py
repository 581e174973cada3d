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

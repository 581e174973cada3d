"""What does not fit is refused by name: what it got, and what it wanted."""

import json

import numpy as np
import pytest

import cortex_lab.nn.layers as layers
from cortex_lab.nn.contract.layer import layer_from_dict
from cortex_lab.nn.graph.description import Node
from cortex_lab.nn.run.network import Network

HYPER_PARAMETERS = [
    (lambda: layers.Dense(0), "units must be a whole number of at least 1, got 0"),
    (lambda: layers.Dense(3, activation="relo"), "there is no activation 'relo'; there are linear, relu"),
    (lambda: layers.Conv2D(3, 0), "kernel_size must be a whole number of at least 1, got 0"),
    (lambda: layers.Conv2D(3, 2.5), "kernel_size must be one whole number or two, got 2.5"),
    (lambda: layers.Conv2D(3, (2, 2, 2)), "kernel_size must be one whole number or two"),
    (lambda: layers.Conv2D(3, 3, padding="full"), 'padding must be "valid", "same"'),
    (lambda: layers.Conv2D(5, 3, groups=2), "5 filters cannot be shared out among 2 groups"),
    (lambda: layers.Conv1D(5, 3, groups=2), "5 filters cannot be shared out among 2 groups"),
    (lambda: layers.Conv1D(3, 3, padding=(1, 2, 3)), 'padding must be "valid", "same", "causal"'),
    (lambda: layers.DepthwiseConv2D(3, depth_multiplier=0), "depth_multiplier must be a whole number"),
    (lambda: layers.SeparableConv2D(0, 3), "filters must be a whole number of at least 1, got 0"),
    (lambda: layers.Conv2DTranspose(2, 3, 2, output_padding=2), "less than the stride of 2, got 2"),
    (lambda: layers.MaxPooling2D(0), "pool_size must be a whole number of at least 1, got 0"),
    (lambda: layers.AveragePooling1D(2, strides=0), "strides must be a whole number of at least 1, got 0"),
    (lambda: layers.UpSampling2D(interpolation="cubic"), 'must be "nearest" or "bilinear", got \'cubic\''),
    (lambda: layers.ZeroPadding2D(-1), "padding must be a whole number, .* of at least 0, got -1"),
    (lambda: layers.Cropping2D((1, -2)), "cropping must be a whole number, .* of at least 0"),
    (lambda: layers.BatchNormalization(momentum=1.5), "momentum must be between 0 and 1, got 1.5"),
    (lambda: layers.BatchNormalization(epsilon=0), "epsilon must be positive, got 0"),
    (lambda: layers.BatchNormalization(axis=1, per_element=True), "leave out one of the two, got axis=1"),
    (lambda: layers.GroupNormalization(0), "groups must be at least 1, or -1 for one per channel, got 0"),
    (lambda: layers.RMSNormalization(epsilon=0), "epsilon must be a finite number over 0, got 0"),
    (lambda: layers.LayerNormalization(epsilon=-1), "epsilon must be a finite number over 0, got -1"),
    (lambda: layers.LocalResponseNormalization(size=0), "size must be a whole number of at least 1, got 0"),
    (lambda: layers.LocalResponseNormalization(k=0.0), "k must be positive"),
    (lambda: layers.TimeDistributed(3), r"layer must be a layer such as Conv2D\(8, 3\), got 3"),
    (lambda: layers.TimeDistributed(layers.GRU(3, stateful=4)), "leave stateful out of the GRU"),
    (lambda: layers.TimeDistributed(layers.Embedding(3, 2, mask_zero=True)), "leave mask_zero out of"),
    (lambda: layers.LSTM(3, stateful=2, initial_state=True), "stateful begins .*; leave out one"),
    (lambda: layers.Bidirectional(layers.GRU(3, return_state=True)), "takes and gives no states"),
    (lambda: layers.Bidirectional(layers.GRU(3, initial_state=True)), "takes and gives no states"),
    (lambda: layers.Rescaling(None), "scale must be a finite number, got None"),
    (lambda: layers.Rescaling(float("inf")), "scale must be a finite number, got inf"),
    (lambda: layers.Normalization(mean=1.0), "mean and variance go together: give both, or neither"),
    (lambda: layers.Normalization(-1, 0.0, (1.0, -1.0)), "variance must be at least 0 everywhere"),
    (lambda: layers.Normalization(-1, "x", 1.0), "mean must be a number, or an array of finite numbers"),
    (lambda: layers.LeakyReLU(-0.1), "negative_slope must be at least 0, got -0.1"),
    (lambda: layers.ELU(-1.0), "alpha must be at least 0, got -1.0"),
    (lambda: layers.Softmax(groups=0), "groups must be a whole number of at least 1, got 0"),
    (lambda: layers.GaussianNoise(-1.0), "stddev must be at least 0, got -1.0"),
    (lambda: layers.KSparse(0), "k must be a whole number of at least 1, got 0"),
    (lambda: layers.Reshape((-1, -1)), "positive lengths, one of which may be -1"),
    (lambda: layers.Reshape((2, 0)), "positive lengths, one of which may be -1"),
    (lambda: layers.Permute((0, 1)), r"each axis of a row once, counting from 1, got \(0, 1\)"),
]

SHAPES = [
    (layers.TimeDistributed(layers.Dense(3)), [(4,)], r"wants rows of shape \(steps, ...\), got \(4,\)"),
    (layers.TimeDistributed(layers.Add()), [(4, 3)], "Add wants at least two inputs, got 1"),
    (layers.TimeDistributed(layers.Conv2D(3, 3)), [(4, 4, 1)], r"Conv2D wants rows .*, got \(4, 1\)"),
    (layers.PositionEmbedding(), [(4,)], r"PositionEmbedding wants rows of shape \(steps, features\), got"),
    (layers.RepeatVector(3), [(2, 2)], r"RepeatVector wants .* got \(2, 2\) \(put a Flatten before it\)"),
    (layers.Conv2D(3, 3), [(4, 4)], r"Conv2D wants rows of shape \(height, width, channels\), got \(4, 4\)"),
    (layers.Conv2D(3, 5), [(4, 9, 1)], "a window of 5 does not fit into height 4"),
    (layers.Conv2D(2, 3, dilation_rate=4), [(9, 5, 1)], "a window of 9 does not fit into width 5"),
    (layers.Conv2D(4, 3, groups=2), [(5, 5, 3)], "3 channels cannot be shared out among 2 groups"),
    (layers.Conv1D(2, 3), [(4, 4, 1)], r"Conv1D wants rows of shape \(length, channels\)"),
    (layers.Conv1D(2, 3), [(2, 1)], "Conv1D: a window of 3 does not fit into length 2"),
    (layers.Conv1D(2, 3, groups=2), [(5, 3)], "3 channels cannot be shared out among 2 groups"),
    (layers.DepthwiseConv2D(3), [(2, 5, 1)], "DepthwiseConv2D: a window of 3 does not fit into height 2"),
    (layers.SeparableConv2D(2, 3), [(9,)], "SeparableConv2D wants rows of shape"),
    (layers.Conv2DTranspose(2, 2, padding=2), [(3, 3, 1)], r"padding 2 cuts off everything: 0 x 0 pixels"),
    (layers.MaxPooling2D(3), [(2, 5, 1)], "MaxPooling2D: a window of 3 does not fit into height 2"),
    (layers.MaxPooling2D(2, padding=2), [(4, 4, 1)], r"padding \(2, 2\) must be smaller than the window"),
    (layers.AveragePooling1D(2, padding=(0, 2)), [(4, 1)], r"padding \(0, 2\) must be smaller than"),
    (layers.GlobalAveragePooling2D(), [(4, 1)], r"wants rows of shape \(height, width, channels\), got"),
    (layers.GlobalMaxPooling1D(), [(4,)], r"wants rows of shape \(length, channels\), got"),
    (layers.UpSampling2D(), [(4, 4)], "UpSampling2D wants rows of shape"),
    (layers.Cropping2D(2), [(4, 9, 1)], "cropping 2 leaves nothing of 4 x 9 pixels"),
    (layers.BatchNormalization(), [()], "wants rows with at least one axis"),
    (layers.LayerNormalization(axis=(1, -2)), [(3, 4)], r"axis names the axis 1 of rows .* twice"),
    (layers.BatchNormalization(axis=3), [(3, 4)], r"axis must be one of 1 to 2 or -2 to -1"),
    (layers.GroupNormalization(3), [(3, 4)], "4 channels cannot be shared out among 3 groups"),
    (layers.GroupNormalization(), [(3, 4)], "4 channels cannot be shared out among 32 groups"),
    (layers.LSTM(3), [(4, 2), (6,)], r"mask of row shape \(4,\), .*; initial_state=True reads it"),
    (layers.LSTM(3, initial_state=True), [(4, 2)], r"state of row shape \(6,\) as its second .* got none"),
    (layers.GRU(3, initial_state=True), [(4, 2), (6,)], r"\(3,\) .* got \(6,\); GRU\(3, return_state=True\)"),
    (layers.GRU(3, initial_state=True), [(4, 2), (3,), (3,)], r"wants a mask of .* \(4,\), got \(3,\)"),
    (layers.Normalization(), [(3,)], r"no mean and variance yet: Normalization\(\).adapt\(x_train\)"),
    (layers.Normalization(-1, (1.0, 2.0), 1.0), [(3,)], r"a mean of shape \(3,\) .* got \(2,\); adapt it"),
    (layers.RMSNormalization(axis=2), [(3,)], r"axis must be one of 1 to 1 or -1 to -1"),
    (layers.LayerNormalization(axis=0), [(3,)], r"axis must be one of 1 to 1 or -1 to -1 .* got 0"),
    (layers.Softmax(axis=3), [(3, 4)], r"axis must be one of 1 to 2 or -2 to -1 for rows of shape \(3, 4\)"),
    (layers.Softmax(groups=2), [(5,)], "5 values cannot be shared out among 2 groups"),
    (layers.PReLU(shared_axes=4), [(2, 2, 1)], "shared_axes must be one of 1 to 3"),
    (layers.KSparse(5), [(4,)], r"cannot keep 5 values of rows of shape \(4,\)"),
    (layers.Reshape((4,)), [(2, 3)], r"6 values of a row of shape \(2, 3\) do not fit target_shape \(4,\)"),
    (layers.Reshape((4, -1)), [(2, 3)], r"the 6 values of a row of shape \(2, 3\) do not fit"),
    (layers.Permute((2, 1)), [(2, 3, 4)], r"wants rows with 2 axes, got shape \(2, 3, 4\)"),
    (layers.Add(), [(2,), (3,)], r"Add wants inputs of one shape, got \(2,\), \(3,\)"),
    (layers.Add(), [(2,)], "Add wants at least two inputs, got 1"),
    (layers.Subtract(), [(2,)] * 3, "Subtract wants two inputs, got 3"),
    (layers.Concatenate(axis=1), [(2, 3), (2, 4)], r"differ only along axis 1, got \(2, 3\), \(2, 4\)"),
    (layers.Concatenate(), [(3,), (2, 3)], "differ only along axis -1"),
    (layers.Concatenate(), [(3,)], "Concatenate wants at least two inputs, got 1"),
]


@pytest.mark.parametrize(("make", "message"), HYPER_PARAMETERS)
def test_a_hyper_parameter_out_of_bounds_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(("layer", "shapes", "message"), SHAPES)
def test_a_shape_that_does_not_fit_names_the_node(layer, shapes, message):
    inputs = {f"in{i}": shape for i, shape in enumerate(shapes)}
    with pytest.raises(ValueError, match=rf"node 'odd', reading in0.*: .*{message}"):
        Network([Node(layer, "odd", tuple(inputs))], inputs)


def test_numbers_may_be_numpys():
    layer = layers.Conv2D(np.int64(2), np.int32(3), padding=(np.int64(1), np.int64(0)))
    again = layer_from_dict(json.loads(json.dumps(layer.to_dict())))
    assert again == layer == layers.Conv2D(2, 3, padding=(1, 0))
    assert again.out_shape((4, 5, 1)) == layer.out_shape((4, 5, 1)) == (4, 3, 2)
    assert json.dumps(layers.Dropout(np.float32(0.5)).to_dict())


def test_k_sparse_keeps_the_first_of_equals():
    network = Network([layers.KSparse(2)], (4,))
    kept = network.predict(np.array([[1.0, 3.0, 1.0, 1.0], [0.0, -1.0, 0.0, 0.0], [5.0, 5.0, 5.0, 5.0]]))
    np.testing.assert_array_equal(kept, [[1, 3, 0, 0], [0, 0, 0, 0], [5, 5, 0, 0]])


def test_pooling_hands_nan_on():
    image = np.ones((1, 4, 4, 1), np.float32)
    image[0, 1, 0, 0] = np.nan
    for layer in (layers.MaxPooling2D(), layers.AveragePooling2D()):
        assert np.isnan(Network([layer], (4, 4, 1)).predict(image)).sum() == 1
    for layer in (layers.GlobalMaxPooling2D(), layers.GlobalAveragePooling2D()):
        assert np.isnan(Network([layer], (4, 4, 1)).predict(image)).all()


@pytest.mark.parametrize(
    "before",
    [layers.Flatten(), layers.Reshape((6,)), layers.Dense(6), layers.Activation("relu"), layers.Dropout(0.1)],
    ids=lambda layer: type(layer).__name__,
)
def test_a_table_that_no_input_leads_to_is_told_when_the_network_is_made(before):
    shape = (6,) if isinstance(before, (layers.Dense, layers.Activation, layers.Dropout)) else (2, 3)
    with pytest.raises(ValueError, match=r"'embedding_1' reads ids, which come straight from an input"):
        Network([before, layers.Embedding(10, 4)], shape)
    Network([layers.Embedding(10, 4)], (6,)).predict(np.zeros((2, 6), int))

"""Window arithmetic against closed forms and PyTorch."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cortex_lab.nn.contract.window import (
    border,
    check_padding,
    check_span_padding,
    explicit_padding,
    resolve_padding,
    resolve_span,
    slide,
    spread,
)

lengths, windows, strides, dilations = (st.integers(1, top) for top in (40, 7, 5, 3))


@given(lengths, windows, strides, dilations)
def test_same_gives_a_window_for_every_stride_with_the_odd_pixel_behind(length, window, stride, dilation):
    (before, after), columns = resolve_padding(
        "same", (length, length), (window, window), (stride, stride), (dilation, dilation)
    )
    assert columns == (before, after) == resolve_span("same", length, window, stride, dilation)
    assert after - before in (0, 1)
    found = slide("it", (length,), (window,), (stride,), ((before, after),), (dilation,))
    assert found == (math.ceil(length / stride),)


@given(lengths, windows, strides, dilations, st.integers(0, 4), st.integers(0, 4))
def test_a_window_slides_as_far_as_it_fits(length, window, stride, dilation, before, after):
    extent = (window - 1) * dilation + 1
    starts = range(-before, length + after - extent + 1, stride)
    if not starts:
        with pytest.raises(ValueError, match=f"a window of {extent} does not fit into height {length}"):
            slide("it", (length, 9), (window, 1), (stride, 1), ((before, after), (0, 0)), (dilation, 1))
        return
    found = slide("it", (length, 9), (window, 1), (stride, 1), ((before, after), (0, 0)), (dilation, 1))
    assert found == (len(starts), 9)


@pytest.mark.oracle
@given(lengths, windows, strides, st.integers(0, 3), st.booleans())
def test_pooling_sizes_are_pytorchs(length, window, stride, padding, ceil):
    torch = pytest.importorskip("torch")
    assume(padding <= window // 2 and length + 2 * padding >= window)
    pool = torch.nn.MaxPool1d(window, stride, padding, ceil_mode=ceil)
    wanted = pool(torch.zeros(1, 1, length)).shape[-1]
    assert slide("it", (length,), (window,), (stride,), ((padding, padding),), ceil=ceil) == (wanted,)


@given(lengths, windows, strides, dilations)
def test_a_transposed_convolution_undoes_the_size_of_a_convolution(length, window, stride, dilation):
    extent = (window - 1) * dilation + 1
    for padding in ("valid", "same"):
        longer, cut = spread(length, extent, stride, padding, None)
        span = resolve_span(padding, longer, window, stride, dilation)
        assert slide("it", (longer,), (window,), (stride,), (span,), (dilation,)) == (length,)
        assert cut == span


@given(lengths, windows, strides, st.integers(0, 4), st.integers(0, 2), st.integers(0, 2))
def test_output_padding_adds_at_the_end(length, window, stride, extra, before, after):
    assume(extra < stride)
    full = (length - 1) * stride + window
    assert spread(length, window, stride, (before, after), extra) == (
        full - before - after + extra,
        (before, after),
    )
    assert spread(length, window, stride, "valid", extra)[0] == full + extra
    assert spread(length, window, stride, "same", extra)[0] == full - window // 2 * 2 + extra


@given(lengths, windows, strides, dilations)
def test_causal_padding_is_all_in_front(length, window, stride, dilation):
    before, after = resolve_span("causal", length, window, stride, dilation)
    assert (before, after) == ((window - 1) * dilation, 0)


def test_ways_to_say_a_padding():
    assert explicit_padding(2) == ((2, 2), (2, 2))
    assert explicit_padding((1, 2)) == ((1, 1), (2, 2))
    assert explicit_padding([[0, 1], (2, 3)]) == ((0, 1), (2, 3))
    assert border("cropping", (1, (0, 2))) == ((1, 1), (0, 2))
    check_padding("same")
    check_span_padding("causal")
    check_span_padding((0, 3))


@pytest.mark.parametrize("padding", ["full", -1, (1, -1), ((1, 2), (3, -4)), (1, 2, 3), None, 1.5, ((1,), 2)])
def test_a_padding_that_means_nothing_is_refused_by_name(padding):
    with pytest.raises(ValueError, match="padding must be"):
        check_padding(padding)
    with pytest.raises(ValueError, match="cropping must be"):
        border("cropping", padding)


@pytest.mark.parametrize("padding", ["full", -1, (1, -1), (1, 2, 3), ((1, 2), (3, 4)), None])
def test_a_span_that_means_nothing_is_refused(padding):
    with pytest.raises(ValueError, match="padding must be"):
        check_span_padding(padding)

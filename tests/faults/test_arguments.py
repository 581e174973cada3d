"""Junk in place of any public argument is refused by name, or means what the table says."""

from __future__ import annotations

import importlib
import inspect

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.data import Dataset
from cortex_lab.ground import checks
from tests.faults import junk, junk_rooms
from tests.faults.tally import Tally

# What is no call that people make with arguments of their own choice, or is tried elsewhere.
ELSEWHERE = {
    "Block", "Breakpoint", "Condition", "Event", "Fork", "Graph", "Layer", "Loss", "Observation",
    "Optimizer", "Process", "Schedule", "Stop", "Trace", "TrainingSession", "check_gradient", "follow",
    "steepest", "CensorLoss",
    # Tried by scikit-learn's own checks.
    "NetworkClassifier", "NetworkRegressor", "NetworkTransformer",
}  # fmt: skip
SHORT = tuple(junk.JUNK)
ROOMS = {
    # What kernels are written with.
    "compute": {"Kernel", "Ops", "Stream", "as_ops", "get_ops", "kernel"},
    # Tried in tests/data.
    "data": {
        "available", "Batch", "DecodedSource", "RaggedArray", "RaggedDtype", "Source", "Tensor",
        "TensorArray", "TensorDtype", "pandas_type", "read_idx", "write", "Preparation", "WordIds",
        # Tried as methods of a Dataset.
        "class_balance", "drift", "farthest", "image_grid", "near_duplicates", "overview",
    },
    # Tried in tests/nn, and in test_mlp_for.py.
    "models": {"transformer", "mlp_for"},
    # Made by its own functions; what layers are written with; what a graph raises.
    "nn": {"Plan", "Parameter", "GraphError"},
    "optimize": {
        "Function",
        "GradientCheck", "Landscape", "Log", "WrongGradient",  # what functions return
        # Of files.
        "function_from_dict", "optimizer_from_dict", "schedule_from_dict",
        # Tried as an argument of `train`.
        "as_optimizer",
        # For a terminal, where an error is seen at once.
        "Objective", "Interactive", "interactive", "pages", "print_steps", "review", "study",
    },
    "study": {"Notice", "Pace", "SessionBusy", "UpdateHeldBack", "as_condition", "replay"},
    "widgets": {
        "Axis", "Bars", "Cells", "Chart", "Contours", "Diagram", "Knob", "Line", "Plot", "Scatter", "Tiles",
        "Trail", "View", "NothingToShow", "PathView", "Sentences", "HeatMap",
        "Matrix", "Parallel",  # what views are written with
        "DatasetBrowser", "ParallelCoordinates", "SearchHistory", "SearchSlices",  # tried in tests/widgets
        "MapPicture",  # tried in tests/test_embedding.py
    },
}  # fmt: skip
"""Names of a room that are no call people make with arguments of their own choice, or tried elsewhere."""


def test_every_public_argument_with_every_piece_of_junk():
    tally = Tally()
    junk.try_all(tally, SHORT)
    assert not tally.wrong, "\n".join(f"{name}: {why}" for name, why in tally.wrong[:40])
    assert tally.tried > 10_000


def test_every_public_name_is_tried():
    rooms = ("compute", "data", "embed", "models", "nn", "optimize", "study", "widgets")
    public = {name: getattr(cl, name) for name in dir(cl) if name not in rooms}
    names = {name for name, each in public.items() if callable(each) and inspect.signature(each).parameters}
    tried = {each.name for each, *_ in junk.tries(("None",))}
    assert not names - tried - ELSEWHERE and not set(ELSEWHERE) - set(dir(cl))


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_of_a_room_is_tried(room):
    inside = getattr(cl, room)
    public = {name: getattr(inside, name) for name in inside.__all__}
    names = {name for name, each in public.items() if callable(each) and not hasattr(cl, name)}
    tried = {each.name.split(".")[-1] for each, *_ in junk.tries(("None",))}
    tried |= {each.__name__ for each in junk.described_kinds()}
    assert names - tried - ROOMS[room] == set()
    assert ROOMS[room] - set(inside.__all__) == set()


def test_every_argument_of_an_open_bench_with_every_piece_of_junk():
    bench, wrong = cl.widgets.Bench(junk.World().held_out), {}
    try:
        for name, call, given in junk_rooms.of_a_bench(bench):
            for argument in given:
                for each in junk.JUNK:
                    found = junk.verdict(junk.Call(name, call, given), argument, each)
                    wrong |= {(name, argument, each): found} if found else {}
    finally:
        bench.close()
    assert not wrong


@pytest.mark.parametrize("function", [cl.train, cl.Training, cl.Network, cl.embed.TSNE, cl.data.Dataset])
def test_every_parameter_is_tried(function):
    tried = {argument for each, argument, _ in junk.tries(("None",)) if each.call is function}
    assert set(inspect.signature(function).parameters) - {"self"} == tried


FORMS = [
    (checks.whole, 3, (3, np.int64(3), np.uint8(3), np.array(3))),
    (checks.seed, 2**64 - 1, (2**64 - 1, np.uint64(2**64 - 1))),
    (checks.number, 0.5, (0.5, np.float32(0.5), np.float64(0.5), np.array(0.5))),
    (checks.fraction, 0, (0, np.int8(0))),
    (checks.flag, True, (True, np.True_)),
    (checks.text, "x", ("x", np.str_("x"))),
    (checks.shape, (2, 3), ((2, 3), [2, 3], np.array([2, 3]), (np.int64(2), np.uint8(3)))),
    (checks.shape, (2,), (2, np.int32(2))),
]


@pytest.mark.parametrize(("check", "wanted", "forms"), FORMS)
def test_numbers_of_numpy_are_as_good_as_those_of_python(check, wanted, forms):
    for value in forms:
        found = check("it", value)
        assert found == wanted and type(found) is type(wanted)


@pytest.mark.parametrize("check", [checks.whole, checks.number, checks.seed, checks.fraction, checks.shape])
@pytest.mark.parametrize("value", [None, True, np.True_, "1", 1j, float("nan"), float("inf"), object(), int])
def test_what_is_no_number_is_refused_by_name_as_type_and_as_value(check, value):
    for kind in (TypeError, ValueError):
        with pytest.raises(kind, match=r"the rate must be .*, got"):
            check("the rate", value)


def test_an_error_is_a_line_whatever_was_given():
    pandas = importlib.import_module("pandas")
    for value in (pandas.Series(range(10**4)), np.zeros(10**5), "x" * 10**4, list(range(10**4))):
        with pytest.raises(ValueError, match="n must be a whole number, got") as caught:
            checks.whole("n", value)
        assert len(str(caught.value)) < 120 and "\n" not in str(caught.value)


def test_a_name_that_is_nearly_right_is_proposed():
    with pytest.raises(ValueError, match="did you mean 'nearest'"):
        cl.Augmentation(fill_mode="neares")


def test_a_sparse_matrix_says_how_to_give_it():
    sparse = pytest.importorskip("scipy.sparse").csr_matrix(np.eye(4, dtype=np.float32))
    network = cl.Network([cl.Dense(2)], 4)
    for use in (
        network.predict,
        lambda x: cl.train(network, (x, np.arange(4) % 2), "softmax_cross_entropy", cl.SGD(), batch_size=2),
        cl.embed.TSNE,
    ):
        with pytest.raises(ValueError, match=r"toarray\(\)"):
            use(sparse)


def test_an_id_that_would_wrap_is_refused():
    network = cl.Network([cl.Embedding(5, 2)], (3,))
    with pytest.raises(ValueError, match="no id 4294967296 in column 0"):
        network.predict(np.full((1, 3), 2**32))


def test_weights_with_an_axis_too_many_and_a_mask_of_rows_say_what_to_type():
    network = cl.Network([cl.Dense(2)], 3)
    data = np.eye(3, dtype=np.float32), np.arange(3) % 2
    with pytest.raises(ValueError, match=r"3 rows, got 3x1; give sample_weight.ravel\(\)"):
        cl.train(
            network, data, "softmax_cross_entropy", cl.SGD(), batch_size=2, sample_weight=np.ones((3, 1))
        )
    session = cl.train(network, data, "softmax_cross_entropy", cl.SGD(), batch_size=2)
    with pytest.raises(TypeError, match=r"numpy\.flatnonzero"):
        session.edit("excluded_rows", np.array([True, False, False]))


PICTURES = np.random.default_rng(0).integers(0, 256, (8, 4, 4, 1), np.uint8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint16])
def test_pictures_of_another_scale_than_those_trained_on_are_refused(dtype, tmp_path):
    def train(**options):
        network = cl.Network([cl.Flatten(), cl.Dense(2)], (4, 4, 1))
        given = network, (PICTURES, np.arange(8) % 2), "softmax_cross_entropy", cl.SGD()
        return cl.train(*given, batch_size=4, **options)

    other = PICTURES.astype(dtype)
    session = train(validation=(PICTURES, np.arange(8) % 2))
    session.network.save(tmp_path / "net.h5")
    for use in (
        session.network.predict, session.network.copy().predict, cl.Network.load(tmp_path / "net.h5").predict,
        lambda x: session.score((x, np.arange(8) % 2)), lambda x: train(validation=(x, np.arange(8) % 2)),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"trained on bytes.*astype\('uint8'\), or x / 255"):
            use(other)
    seen = PICTURES / np.float32(255)
    np.testing.assert_allclose(session.network.predict(seen), session.network.predict(PICTURES), rtol=1e-5)


def test_labels_of_another_type_are_named_by_their_types():
    frame = importlib.import_module("pandas").DataFrame({"a": np.arange(12.0), "y": np.arange(12) % 2})
    session = cl.train(
        cl.Network([cl.Dense(2)], 1), cl.data.Dataset(frame, ["a"], "y"), "softmax_cross_entropy", cl.SGD(),
        batch_size=4,
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"type str, '0', '1', .* of type int, 0, 1: .*astype\('int'\)"):
        session.score(frame.assign(y=frame["y"].astype(str)))


def test_a_step_that_is_refused_has_changed_nothing():
    session = cl.Session(cl.Descent(cl.Sphere(), cl.SGD(0.1)))
    session.step(3)
    before = session.process.params.tobytes(), session.step_number, len(session.trace)
    for call in (session.step, session.rewind):
        for value in (1.5, float("nan"), float("inf"), "2", None, True):
            with pytest.raises(ValueError, match="must be a whole number"):
                call(value)
    assert (session.process.params.tobytes(), session.step_number, len(session.trace)) == before


NO_NUMBERS = {
    "masked": np.ma.masked, "a masked number": np.ma.masked_array(1.0, mask=True),
    "nanoseconds": np.timedelta64(5, "ns"), "days": np.timedelta64(5, "D"), "a date": np.datetime64(5, "ns"),
}  # fmt: skip


@pytest.mark.parametrize("junk", NO_NUMBERS.values(), ids=NO_NUMBERS)
@pytest.mark.parametrize(
    "check", [checks.whole, checks.number, checks.fraction, checks.flag, checks.seed, checks.shape,
              checks.text, checks.numbers, checks.finite], ids=lambda check: check.__name__,
)  # fmt: skip
def test_what_only_looks_like_a_number_is_none(check, junk):
    with pytest.raises(checks.WrongArgument, match="given"):
        check("given", junk)


def test_what_is_masked_in_places_is_refused_with_what_to_do():
    with pytest.raises(checks.WrongArgument, match=r"given is masked in places.*\.filled\(0\)"):
        checks.numbers("given", np.ma.masked_array([1.0, 2.0], [False, True]))
    assert checks.numbers("given", np.ma.masked_array([1.0, 2.0])).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("name", ["learning_rate", "weights['dense_1/kernel']", "weights['dense_1/bias']"])
def test_nothing_is_edited_to_what_is_masked(name):
    x, y = np.zeros((12, 3), "f4"), np.arange(12) % 2
    session = cl.train(cl.Network([cl.Dense(2)], 3), (x, y), batch_size=4)
    before = session.network.params.copy()
    for masked in (np.ma.masked, np.ma.masked_array(np.ones((3, 2)), np.eye(3, 2))):
        with pytest.raises(checks.WrongArgument):
            session.edit(name, masked)
    assert (session.network.params == before).all() and not session.events


NO_STEPS = [1.5, np.nan, np.inf, None, "2", True, 1j, [1], np.ma.masked, np.timedelta64(1)]
OF_A_TRACE = {
    "append": (lambda trace, v: trace.append(v, 0.0, {}), "step", NO_STEPS),
    "truncate": (lambda trace, v: trace.truncate(v), "step", [*NO_STEPS, -1]),
    "row": (lambda trace, v: trace.row(v), "step", [*NO_STEPS, -1]),
    "extend": (lambda trace, v: trace.extend(cl.Trace(["a"]), after=v), "after",
               [np.nan, None, "x", True, 1j, [1]]),
    "extend by": (lambda trace, v: trace.extend(v), "other", [None, 1, "x", {}]),
    "add_column": (lambda trace, v: trace.add_column(v), "key", [None, object(), "", 1, b"a", np.zeros(2)]),
    "Trace": (lambda trace, v: cl.Trace(v), "key", ["loss", b"loss", None, 1, [None], [b"a"], [np.zeros(2)]]),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_A_TRACE)
def test_junk_moves_nothing_in_a_trace(name):
    act, argument, pieces = OF_A_TRACE[name]
    trace = cl.Trace(["a"])
    trace.append(1, 0.0, {"a": 1.0})
    for piece in pieces:
        with pytest.raises(checks.WrongArgument, match=argument):
            act(trace, piece)
        assert (trace.keys, len(trace), trace.version) == (("step", "seconds", "a"), 1, 1)
    assert trace.row(np.int64(1)) == {"step": 1.0, "seconds": 0.0, "a": 1.0}


@pytest.fixture(scope="module")
def world():
    return junk.World()


NO_OBJECTS = [None, 3, "x", object(), [], {}, np.arange(3), dict]
OF_OBJECTS = {
    "Dataset.like": ("other", lambda world, v: world.dataset.like(v)),
    "Dataset.read_as": ("reading", lambda world, v: world.dataset.read_as(v)),
    "Network.digest": ("array", lambda world, v: world.network.digest(v)),
    "ReduceOnPlateau.attach": ("session", lambda world, v: cl.ReduceOnPlateau("loss").attach(v)),
    "ReduceOnPlateau.reductions": ("trace", lambda world, v: cl.ReduceOnPlateau("loss").reductions(v)),
    "session.adopt": ("branch", lambda world, v: world.session.adopt(v)),
    "session.detach": ("part", lambda world, v: world.session.detach(v)),
    "history.extend": ("other", lambda world, v: world.session.history.extend(v, 0)),
    "history.extend after": ("after", lambda world, v: world.session.history.extend(cl.study.History(9), v)),
    "history.nearest": ("step", lambda world, v: world.session.history.nearest(v)),
    "history.forget_before": ("step", lambda world, v: world.session.history.forget_before(v)),
    "history.forget_after": ("step", lambda world, v: world.session.history.forget_after(v)),
    "trace[]": ("nothing records", lambda world, v: world.session.trace[v]),
    "trace.recorded": ("nothing records", lambda world, v: world.session.trace.recorded(v)),
}  # fmt: skip
FITS = {"Dataset.read_as": ("x", {}), "Network.digest": (np.arange(3),)}
"""What is refused there with other words, or fits."""


@pytest.mark.parametrize("name", OF_OBJECTS)
def test_what_is_not_the_object_that_is_wanted_is_refused_by_name(world, name):
    argument, act = OF_OBJECTS[name]
    before = world.stands(), world.session.history.steps
    for value in NO_OBJECTS:
        whole = argument in ("step", "after") and isinstance(value, int)
        if whole or any(type(value) is type(each) for each in FITS.get(name, ())):
            continue
        with pytest.raises((checks.WrongArgument, KeyError), match=argument) as refused:
            act(world, value)
        assert refused.traceback[-1].path.is_relative_to(junk.PACKAGE)
    assert (world.stands(), world.session.history.steps) == before


@pytest.mark.parametrize("name", ["frozen", "learning_rate", "excluded_rows", "weights['dense_1/kernel']"])
def test_what_can_be_gone_through_once_is_no_edit(world, name):
    before = world.stands()
    with pytest.raises(checks.WrongArgument, match=r"must be something that can be copied, such as a list"):
        world.session.edit(name, (each for each in ["dense_1"]))
    assert world.stands() == before


def holding_itself():
    made = []
    made.append(made)
    return made


def a_dict_in_itself():
    made = {}
    made["a"] = made
    return made


def deep():
    made = []
    for _ in range(5000):
        made = [made]
    return made


BOTTOMLESS = {
    "itself": holding_itself, "a dict in itself": a_dict_in_itself, "deep": deep,
    "far too many": lambda: range(10**15),
}  # fmt: skip
OF_ANYTHING = {
    "step": lambda world, v: world.session.step(v),
    "rewind": lambda world, v: world.session.rewind(v),
    "best": lambda world, v: world.session.best(v),
    "run": lambda world, v: world.session.run(v),
    "break_when": lambda world, v: world.session.break_when(v),
    "network_at": lambda world, v: world.session.network_at(v),
    "clear_breakpoints": lambda world, v: world.session.clear_breakpoints(v),
    "fork": lambda world, v: world.session.fork(learning_rate=v),
    "edit a rate": lambda world, v: world.session.edit("learning_rate", v),
    "edit weights": lambda world, v: world.session.edit("weights['dense_1/kernel']", v),
    "edit frozen": lambda world, v: world.session.edit("frozen", v),
    "predict": lambda world, v: world.network.predict(v),
    "predict by name": lambda world, v: world.network.predict({"a": v}),
    "activations": lambda world, v: world.network.activations(v),
    "split": lambda world, v: world.dataset.split(v),
    "carve": lambda world, v: world.dataset.carve(v),
    "folds": lambda world, v: world.dataset.folds(v),
    "select": lambda world, v: world.dataset.select(v),
    "exclude": lambda world, v: world.dataset.exclude(v),
    "weights": lambda world, v: world.dataset.weights(v),
    "Dataset notes": lambda world, v: Dataset(world.frame, ["a"], "y", notes=v),
    "Dataset target": lambda world, v: Dataset(world.frame, target=v),
    "Dataset inputs": lambda world, v: Dataset(world.frame, v, "y"),
    "train data": lambda world, v: cl.train(world.network, v),
    "train inputs": lambda world, v: cl.train(world.network, (v, world.y)),
    "train targets": lambda world, v: cl.train(world.network, (world.x, v)),
    "train weights": lambda world, v: world.train(sample_weight=v),
    "train metrics": lambda world, v: world.train(metrics=v),
    "train probes": lambda world, v: world.train(probes=v),
    "TSNE": lambda world, v: cl.embed.TSNE(v),
    "distance_to": lambda world, v: cl.distance_to(v),
    "Descent": lambda world, v: cl.Descent(cl.Sphere(), cl.SGD(0.1), v),
    "Network": lambda world, v: cl.Network([cl.Dense(2)], v),
    "layers": lambda world, v: cl.Network(v, 3),
    "Dense": lambda world, v: cl.Dense(v),
}


@pytest.mark.parametrize("made", BOTTOMLESS.values(), ids=BOTTOMLESS)
@pytest.mark.parametrize("act", OF_ANYTHING.values(), ids=OF_ANYTHING)
def test_what_holds_itself_lies_deep_in_lists_or_is_too_long_is_refused_in_words(world, act, made):
    before = world.stands()
    with pytest.raises((TypeError, ValueError, KeyError)) as refused:
        act(world, made())
    assert len(str(refused.value)) < 400 and world.stands() == before

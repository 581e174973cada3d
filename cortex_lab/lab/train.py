"""The front desk: wires data, network, optimizer and study together."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cortex_lab.data import Batches
from cortex_lab.data._memory import Shared, kept
from cortex_lab.data.forms import as_data
from cortex_lab.data.given import Given
from cortex_lab.data.learned import Learned
from cortex_lab.ground import checks
from cortex_lab.ground.habits import told
from cortex_lab.lab.defaults import in_shards, losses_for, refuse_swapped, said
from cortex_lab.lab.fitting import (
    answered_together,
    refuse_no_network,
    refuse_other_scales,
    refuse_renumbered,
    refuse_unfitting_inputs,
    refuse_unfitting_targets,
    refuse_wrong_rows,
    renumbered,
    say_held_logits,
    say_out_of_reach,
    unscaled,
)
from cortex_lab.lab.recipe import Recipe
from cortex_lab.lab.saved_maps import maps_of
from cortex_lab.lab.session import TrainingSession
from cortex_lab.lab.setup import TrainingSetup
from cortex_lab.nn import Graph, Network
from cortex_lab.nn.contract.loss import WrongRows, reading_of
from cortex_lab.nn.run.ids import NoSuchId
from cortex_lab.nn.run.pictures import note_scale, refuse_other_scale, say_how_bytes_are_seen
from cortex_lab.nn.train.best_networks import best_of
from cortex_lab.nn.train.checkpoint import check_validated, load_training, optimizer_of, read_training
from cortex_lab.nn.train.labels import class_count, weights_of
from cortex_lab.nn.train.names import checked_names, give_names, learned_names
from cortex_lab.optimize import Optimizer, as_optimizer
from cortex_lab.study import Probe

BATCH_SIZE = 32


@told
def train(
    network: Network | Graph,
    data: Any,
    loss: Any = None,
    optimizer: Optimizer | str | None = None,
    *,
    batch_size: int = BATCH_SIZE,
    seed: int = 0,
    validation: Any = "validation",
    validate_every: int | None = None,
    metrics: Any = None,
    loss_weights: Mapping[str, float] | None = None,
    class_weight: Mapping[Any, float] | str | None = None,
    sample_weight: Any = None,
    penalties: Any = None,
    frozen: Iterable[str] | str = (),
    augment: Any = None,
    shards: int = 1,
    cluster: Any = None,
    resume_from: str | os.PathLike | None = None,
    new_optimizer: bool = False,
    probes: Iterable[Probe] | None = None,
    snapshot_budget: int = 256 * 2**20,
) -> TrainingSession:
    """Set up a training and return its session, at step 0.

    Bytes (uint8) are a picture, and seen as 0 to 1, if they are an input with rows (height, width) or
    (height, width, channels), sequences (steps, features) of bytes too, unless the layer that reads it takes
    bytes as they are, as Embedding does. Rows (features,) of bytes are numbers from 0 to 255 and stay that,
    which is said once. This holds in training, validation, `score`, `predict` and everywhere else. Targets,
    labels, masks and ids are never divided; but targets that are the very numbers of a picture input, as an
    autoencoder's, are seen as that input is by a loss of values.

    All else is read as float32, and class ids as int64: numbers that would fall together or do not fit are
    refused by name. Arrays are taken as they are now: those up to 64 MB are copied, a larger one that was
    changed since is an error at `rewind`, `resume`, `fork`, `network_at`, `diagnose` and `script`.

    Parameters
    ----------
    network
        The network to train, in place; of a Graph, such as `cl.models.mlp_for(dataset)`, one is made, whose
        weights are drawn by `seed`: `session.network`.
    data
        A Dataset (its training rows are used), or a pair (inputs, targets): of arrays, or of a frame and a
        column, which are read as a Dataset is. Of (frame, "price") all columns but "price" are inputs, of a
        frame alone all but the one called "target", "label", "y" or "class". Columns of words are read as one
        column of 0 and 1 for each category; the network keeps which. Targets may be words, or a dict of
        arrays by output name. A loss of classes reads labels as classes, a loss of values
        reads numbers as they are, one of yes or no reads two labels, or shares from 0 to 1. Classes in a
        column are counted through, in the order of `network.classes`, which holds how they print; in an array
        they are ids 0, 1, ..., and a negative id says that a row's class is unknown: it teaches nothing.
    loss
        A loss or its name, such as "softmax_cross_entropy" or "mse"; a dict by output name if there are
        several. Of "cross_entropy" the last layer says which it is. None chooses by the last layer and the
        targets, as the table in `cortex_lab.lab.defaults` says; the session then shows what was chosen.
    optimizer
        Such as `Adam(1e-3)`, or "adam"; its learning rate may be a schedule. None is `Adam(1e-3)`, with
        `resume_from` the file's.
    batch_size
        Rows of a batch; the last batch of an epoch may be smaller. More than there are rows are all.
    seed
        Keys the order of the rows and everything drawn at random.
    validation
        The name of one of the dataset's splits, or None; a dataset without a "validation" split simply is not
        validated. Other rows: a Dataset or a frame, matched by the names of columns and labels, or a pair
        (inputs, targets). A fraction such as 0.2, or a number of rows, is taken out of the rows to train on,
        drawn by `seed`, every class in proportion.
    validate_every
        Steps between validations; None is once per epoch.
    metrics
        What else to measure of the validation rows, recorded as "validation_<name>": names of scikit-learn's
        scorers such as "f1_macro", "roc_auc_ovr" or "r2", functions (y_true, y_pred), or scorers; a dict of
        those by output name if there are several. See `cortex_lab.nn.train.metrics.Metrics`.
    loss_weights
        By output name, the weight of its loss in the total.
    class_weight
        Weights by class, {label: weight}, where labels are the column's own values, in arrays the class ids;
        or "balanced".
    sample_weight
        (rows,): how much each row of `data` counts, in the order of its rows. A Series is matched by its
        index: by row numbers if that is called "row", as in a Dataset's own frame, else by that of the frame.
    penalties
        Such as {"*/kernel": L2(1e-4)}; see `Penalties`.
    frozen
        Names of nodes, or patterns such as "conv2d_*", that do not learn; `session.edit("frozen", [...])`
        freezes others, or none. See `cortex_lab.nn.train.freezing.Frozen`.
    augment
        Such as `Augmentation(horizontal_flip=True, shift_range=0.1)`: changes what is trained on a little,
        anew in every epoch. A dict of them by input name if there are several; None for the dataset's own.
    shards
        Parts that each batch is cut into. The gradient of each is computed alone, and they are added in an
        order that never changes: with equal `shards` a training has the same bits for any number of CPU
        workers, here or in processes of a cluster. What is random or augmented in a row is the same whatever
        its shard; BatchNormalization takes mean and variance of each shard's rows, and remembers their mean
        over the shards. A last batch of an epoch with fewer rows than shards has a shard for each row.
    cluster
        A `distributed.Client`: the workers of its cluster compute the shards, of which each has some, and
        validate; the bits are those without it. See `session.use_cluster` and `cortex_lab.scale`.
    resume_from
        A file that `session.save` wrote, of a training set up as this one: the session begins at its step and
        goes on as that one would have, with what it recorded, edited (such as the learning rate), attached
        and broke at; `session.resume()` goes on with its last run. ValueError that names what is set up in
        another way, be it rows, their weights or the optimizer. `validate_every`, `metrics` and `probes` only
        look on and may be others; `validation=None` goes on without the validation rows that it had.
    new_optimizer
        With `resume_from`: begin with the optimizer given here, which remembers nothing of earlier steps and
        has a schedule begin anew, and with nothing attached.
    """
    if isinstance(network, Graph):
        network = Network(network, seed=checks.seed("seed", seed))
    refuse_no_network(network, data)
    refuse_swapped(loss, optimizer)
    batch_size = checks.whole("batch_size", batch_size)
    seed = checks.seed("seed", seed)
    shards = checks.whole("shards", shards, least=1)
    patterns = "names of nodes, or patterns such as 'conv2d_*'"
    frozen = () if frozen is None else frozen
    frozen = [frozen] if isinstance(frozen, str) else checks.listed("frozen", frozen, patterns)
    checks.flag("new_optimizer", new_optimizer)
    checks.whole("snapshot_budget", snapshot_budget, least=0)
    if resume_from is not None:
        checks.path("resume_from", resume_from)
    saved = None if resume_from is None else read_training(resume_from)
    named: Any = optimizer
    if optimizer is None and saved is None and not new_optimizer:
        optimizer = "adam"
    given_optimizer: Any = None if optimizer is None else as_optimizer(optimizer)
    optimizer = optimizer_of(saved, optimizer, new_optimizer, network)
    shared: list[Shared] = []
    validation = kept(checks.in_numpy(validation), "validation", shared)
    sample_weight = kept(sample_weight, "sample_weight", shared)
    class_weight = kept(class_weight, "class_weight", shared)
    dtype = network.ops.dtype
    learned = Learned(**learned_names(network))
    if saved is not None and saved.preparations:
        # Numbers are made as they were, whatever another version, or other rows, would make of the columns.
        learned = replace(learned, reads=saved.reads, preparations=saved.preparations)
    data = as_data(data, dtype, bool(learned.preparations)) if not hasattr(data, "fetch") else data
    if sample_weight is None and getattr(data, "weight", None) is not None:
        sample_weight = data.frame[data.weight]
    if augment is None:
        augment = getattr(data, "augmentation", None)
    loss, why = losses_for(network, loss, data)
    setup = TrainingSetup(
        loss,
        optimizer,
        batch_size=batch_size,
        seed=seed,
        validation=validation,
        validate_every=validate_every,
        metrics=metrics,
        loss_weights=loss_weights,
        class_weight=class_weight,
        sample_weight=sample_weight,
        penalties=penalties,
        frozen=frozen,
        augment=augment,
        shards=shards,
    )
    reading, name = reading_of(loss)
    by_output = {out: reading_of(each)[0] for out, each in loss.items()} if isinstance(loss, Mapping) else {}
    whole = Given.of(data, reading, name, by_output, learned, dtype)
    reads = whole.reads(network.graph.inputs)
    given, held_out = whole.validated(validation, seed, dtype)
    if given.source is None and batch_size > len(given.rows):
        # Who asks for as many as were given means all of them, whatever is held out.
        if batch_size not in (BATCH_SIZE, len(whole.rows)):
            there = f"batch_size={batch_size} is more than the {len(given.rows)} rows to train on"
            warnings.warn(f"{there}: every batch holds all of them", UserWarning, stacklevel=3)
        batch_size = len(given.rows)
    batches = given.batches(batch_size, seed, dtype)
    first = batches.fetch(0)
    checked_names(network, batches)
    prepared = given.preparations(network.graph.inputs)
    refuse_unfitting_inputs(network.graph, first.inputs, reads, prepared)
    refuse_other_scales(network.graph, reads, whole)
    if given.source is None:
        refuse_wrong_rows(network.graph, batches, reads)
    row_weights = weights_of(given, class_weight, sample_weight, class_count(network, loss))
    try:
        training = setup.training(network, batches, row_weights, held_out)
    except NoSuchId as error:
        raise error.called(reads) from None
    except WrongRows:
        # Where the rows to train on do not fit either, of those more can be said.
        alone = replace(setup, metrics=None).training(network, batches, row_weights, None)
        refuse_unfitting_targets(alone, given, first)
        raise
    refuse_unfitting_targets(training, given, first)
    if saved is None and not learned.classes:
        refuse_renumbered(training, given)
    say_out_of_reach(training, given, first)
    say_held_logits(training)
    names = {"reads": reads, "categories": given.categories, "classes": given.classes}
    names |= {"preparations": prepared}
    if saved is not None:
        check_validated(training, saved, validation)
        load_training(training, saved, new_optimizer, names)
    give_names(network, **names)
    served: Any = batches if isinstance(batches, Batches) else first
    if served is batches:
        # Of batches of one's own, a training has looked at the first.
        note_scale(network, batches.inputs)
        if training.validation is not None:
            refuse_other_scale(network, training.validation[0])
    of_values = training.objective.reads_values
    of_bytes = [name for name, columns in reads.items() if set(columns) <= set(whole.byte_columns)]
    say_how_bytes_are_seen(network.graph, served.inputs, served.targets, of_values, of_bytes)
    rows_given = not (validation is None or isinstance(validation, str) or np.isscalar(validation))
    if not rows_given and validation is not None:
        held_out = validation
    if sample_weight is not None:
        sample_weight = whole.weights(sample_weight)
    # Of arrays, what the batches keep: the ones given may be changed.
    kept_data = whole.data if whole.inputs is None else (batches.inputs, batches.targets)
    setup = replace(setup, validation=held_out, sample_weight=sample_weight, optimizer=given_optimizer)
    chosen = said(why, training.losses)
    if given_optimizer is not None and given_optimizer is not named:
        chosen.append(f"learns by {given_optimizer!r}")
    chosen += renumbered(training, given)
    features = {name: each.features for name, each in prepared.items()}
    chosen += unscaled(training, given, reads | features, first)
    chosen += answered_together(training)
    chosen += in_shards(training)
    if len(training.losses) > 1 and not isinstance(first.targets, Mapping):
        own = ", ".join(f"{name!r}: ..." for name in training.losses)
        chosen.append(f"all its outputs learn the same targets; for targets of their own, give {{{own}}}")
    earlier = {} if whole.dataset is None or given.dataset is whole.dataset else whole.dataset.splits
    if "validation" in earlier:
        rest = f"the {len(earlier['validation'])} rows of the split 'validation' are neither learned"
        chosen.append(f"{rest} nor validated on: validation={checks.plain(validation)} took others")
    recipe = Recipe(kept_data, setup, saved and saved.file, new_optimizer, chosen)
    named = {"labels": given.labels, "goals": given.goals, "rows_given": rows_given}
    session = TrainingSession(training, given.dataset, probes, snapshot_budget, recipe, shared, **named)
    if saved is not None and saved.study is not None:
        session._networks = best_of(saved, network)
        session.maps.update(maps_of(saved, session))
        saved.study.follow(session, probes is None, new_optimizer)
    if cluster is not None:
        session.use_cluster(cluster)
    return session

"""The surrogates of YAHPO Gym, tabulated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from blackboxes.encoding import is_active
from blackboxes.errors import BlackboxError, damage
from blackboxes.formats import yahpo_scenarios
from blackboxes.formats.configspace_json import OldSpace
from blackboxes.formats.elapsed import non_decreasing, share
from blackboxes.formats.reading import existing, hint, read_json
from blackboxes.formats.rows import codes
from blackboxes.formats.yahpo_scenarios import Scenario
from blackboxes.importers import Progress
from blackboxes.table import Blackbox

INACTIVE = "#na#"  # the category of an inactive hyperparameter; a number is 0
BATCH = 1 << 14  # predictions at once: bounds the memory
# Rows are filled up to a multiple of this: onnxruntime multiplies a few rows by another kernel, and then times of
# lcbench differ by a share of 4e-5. So a prediction does not depend on how many there are.
ROWS = 64
MOST_MODEL = 1 << 30  # bytes
MOST_PREDICTIONS = 1 << 27  # of one instance

EXAMPLES = ("yahpo_data/lcbench", "yahpo_data/rbv2_svm --configs 2000 --instances 1040,1049")


def tables(
    source: Path,
    progress: Progress,
    *,
    configs: Annotated[int, "how many configurations to draw, the same for all instances"] = 1000,
    seed: Annotated[int, "of the draw"] = 0,
    instances: Annotated[str, "which instances: 3945,7593 (default: all)"] = "",
    resources: Annotated[
        str, "which fidelities: 0.1,0.3,1 (default: all epochs, or sizes by the square root of 2)"
    ] = "",
    scenario: Annotated[str, "the scenario (default: the folder's name)"] = "",
) -> Iterator[Blackbox]:
    """YAHPO Gym: its surrogate's predictions for seeded configurations x the fidelity grid; one task an instance.

    SOURCE is the folder of one scenario, with model.onnx, config_space.json and encoding.json: lcbench, nb301, rbv2_*,
    iaml_*, fair_*. Predicted times that decrease are raised to the largest before, negative ones to 0. Needs
    onnxruntime: pip install 'rungsim[yahpo]'.
    """
    surrogate = Surrogate(source, scenario or source.resolve().name)
    named = surrogate.instances(instances)
    grid = surrogate.grid(resources)
    if configs * len(grid) * len(surrogate.scenario.targets) > MOST_PREDICTIONS:
        raise BlackboxError(f"{configs} x {len(grid)} fidelities are too many: {MOST_PREDICTIONS} values at most")
    drawn = surrogate.draw(configs, seed)
    for done, instance in enumerate(named):

        def advance(part: float, before: int = done) -> None:
            progress(before + part, len(named))

        predicted = surrogate.predict(drawn, instance, grid, advance)
        yield surrogate.table(drawn, instance or "CIFAR10", grid, predicted, seed)
    progress(len(named), len(named))


class Surrogate:
    """One scenario's model with what its inputs mean.

    Args:
        folder: of the scenario.
        name: of the scenario, in YAHPO Gym.

    Raises:
        BlackboxError: a missing or damaged file, or a model, space or encoding that do not fit each other.
    """

    def __init__(self, folder: Path, name: str) -> None:
        if not folder.is_dir():
            raise BlackboxError(f"{folder}: there is no such folder: that of a scenario is needed, with model.onnx")
        self.folder, self.scenario = folder, yahpo_scenarios.scenario(name)
        self.old = OldSpace(folder / "config_space.json")
        self.encoding = read_json(folder / "encoding.json")
        known = self.scenario
        for parameter in (*known.continuous, *known.categories):
            if parameter not in self.old.parameters:
                near = hint(parameter, self.old.parameters)
                raise BlackboxError(f"{self.old.path}: {known.name} needs a hyperparameter {parameter!r}: {near}")
        for parameter in known.continuous:
            if self.old.parameters[parameter].choices:
                raise BlackboxError(f"{self.old.path}: {parameter!r} should be a number")
        self._codes = {name: self._encoding_of(name) for name in known.categories}
        outside = {known.instance, known.fidelity, *(known.fixed or ())}
        inputs = {*known.continuous, *known.categories}
        self.names = [name for name in self.old.parameters if name in inputs - outside]
        for name in self.names:
            for parent in self.old.conditions_on(name):
                if parent not in self.names:
                    raise BlackboxError(f"{self.old.path}: {name!r} depends on {parent!r}, which is no hyperparameter")
        self.session = _session(folder / "model.onnx", known)

    def instances(self, wanted: str) -> list[str | None]:
        """The instances of these names with commas between them, or all; [None] for a scenario without any."""
        name = self.scenario.instance
        if name is None:
            if wanted:
                raise BlackboxError(f"{self.scenario.name} has one instance only, name none")
            return [None]
        # A space may list data sets that the surrogate was not fitted on: those have no code.
        known = [str(c) for c in self.old.parameters[name].choices if str(c) in self._codes[name]]
        picked = [part.strip() for part in wanted.split(",") if part.strip()] or known
        for instance in picked:
            if instance not in known:
                raise BlackboxError(f"{self.scenario.name} has no instance {instance!r}: {hint(instance, known)}")
        return [*dict.fromkeys(picked)]

    def grid(self, wanted: str) -> np.ndarray:
        """(R,) fidelities: those named, or all epochs, or sizes from the full one down by the square root of two."""
        bounds = self.old.parameters[self.scenario.fidelity]
        if wanted:
            try:
                grid = np.unique([float(part) for part in wanted.split(",")])
            except ValueError:
                raise BlackboxError(f"resources: numbers with commas are needed, not {wanted!r:.60}") from None
        elif bounds.whole:
            if bounds.upper - bounds.lower > 10_000:
                raise BlackboxError(f"{self.old.path}: {bounds.name!r} goes up to {bounds.upper}")
            grid = np.arange(bounds.lower, bounds.upper + 1)
        else:
            sizes = [float(f"{bounds.upper * 2 ** (-k / 2):.6g}") for k in range(40)]
            grid = np.array([size for size in reversed(sizes) if size >= bounds.lower])
        if bounds.whole and (grid == np.rint(grid)).all():
            grid = grid.astype(np.int64)
        good = (grid >= bounds.lower) & (grid <= bounds.upper) & (grid > 0)
        if not good.all() or not len(grid) or (bounds.whole and grid.dtype.kind != "i"):
            raise BlackboxError(f"{bounds.name} lies in {bounds.lower:g} .. {bounds.upper:g}, not at {wanted or grid}")
        return grid

    def draw(self, n: int, seed: int) -> dict[str, np.ndarray]:
        """n configurations (fewer if some are equal): one column for each hyperparameter, NaN or None if inactive."""
        if n < 1:
            raise BlackboxError(f"configs: a number from 1 is needed, not {n}")
        drawn = self.old.draw(n, seed)
        first = codes([drawn[name] for name in self.names])[1]
        return {name: drawn[name][first] for name in self.names}

    def predict(
        self, configs: Mapping[str, np.ndarray], instance: str | None, grid: np.ndarray, advance: Any = None
    ) -> np.ndarray:
        """(n, R, targets) float32, just as the surrogate predicts them.

        Args:
            configs: one column (n,) for each of `names`; NaN or None where inactive.
            instance: one of `instances`.
            grid: (R,) fidelities.
            advance: called with the share that is done.
        """
        known = self.scenario
        n = len(next(iter(configs.values())))
        x_cat = np.zeros((n, len(known.categories)), dtype=np.int32)
        for j, name in enumerate(known.categories):
            code = self._codes[name]
            values = [instance] * n if name == known.instance else configs[name].tolist()
            x_cat[:, j] = [code[INACTIVE if value is None else str(value)] for value in values]
        x_cont = np.zeros((n, len(known.continuous)), dtype=np.float32)
        for j, name in enumerate(known.continuous):
            if name in configs:
                column = configs[name].astype(np.float64)
                x_cont[:, j] = np.where(is_active(column), column, 0.0)
            elif name != known.fidelity:
                x_cont[:, j] = (known.fixed or {})[name]
        place = known.continuous.index(known.fidelity)
        predicted = np.empty((n, len(grid), len(known.targets)), dtype=np.float32)
        step = max(1, BATCH // len(grid))
        for start in range(0, n, step):
            numbers = np.repeat(x_cont[start : start + step], len(grid), axis=0)
            numbers[:, place] = np.tile(grid, len(numbers) // len(grid))
            cats = np.repeat(x_cat[start : start + step], len(grid), axis=0)
            due = len(numbers)
            numbers = np.pad(numbers, ((0, -due % ROWS), (0, 0)), mode="edge")
            cats = np.pad(cats, ((0, -due % ROWS), (0, 0)), mode="edge")
            with damage(self.folder / "model.onnx"):
                found = self.session.run(None, {"x_cat": cats, "x_cont": numbers})[0]
            if found.shape != (len(numbers), len(known.targets)) or found.dtype.kind != "f":
                shape = f"{found.dtype} of shape {found.shape}"
                raise BlackboxError(f"{self.folder / 'model.onnx'}: predicts {shape} for {len(numbers)} rows")
            predicted[start : start + step] = found[:due].reshape(-1, *predicted.shape[1:])
            if advance is not None:
                advance(min(1.0, (start + step) / n))
        return predicted

    def table(
        self, configs: Mapping[str, np.ndarray], task: str, grid: np.ndarray, predicted: np.ndarray, seed: int
    ) -> Blackbox:
        """One instance's predictions as a table, with times that do not decrease."""
        known = self.scenario
        values = {name: predicted[:, None, :, k] for k, name in enumerate(known.targets)}
        time = next(name for name, metric in known.targets.items() if metric is None)
        if not np.isfinite(values[time]).all():
            raise BlackboxError(f"{self.folder / 'model.onnx'}: instance {task}: a predicted time is not finite")
        elapsed, changed = non_decreasing(values[time])
        arrays = {name: np.where(np.isfinite(v), v, np.nan) for name, v in values.items() if name != time}
        n = predicted.shape[0]
        return Blackbox(
            family=f"yahpo-{known.name}",
            task=task,
            space=self.old.space(self.names),
            configs=configs,
            resources=grid,
            metrics=arrays,
            metric_info={name: metric for name, metric in known.targets.items() if metric is not None},
            elapsed=elapsed,
            default_metric=known.default,
            test_metric=known.test,
            resumable=known.resumable,
            resource_unit=known.fidelity,
            licence="Apache-2.0",
            source=known.source,
            description=f"Predictions, not measurements, for {n} configurations drawn with seed {seed}. "
            f"{share(changed)} of the predicted times were negative or less than at a smaller {known.fidelity}, and "
            "were raised.",
        )

    def _encoding_of(self, name: str) -> dict[str, int]:
        """Category -> integer, for every value that the space can draw."""
        path, found = self.folder / "encoding.json", self.encoding.get(name)
        whole = isinstance(found, dict) and all(isinstance(k, int) and 0 <= k < 2**31 for k in found.values())
        if not whole:
            raise BlackboxError(f"{path}: {name!r} should map categories to integers, not {found!r:.60}")
        needed = {str(choice) for choice in self.old.parameters[name].choices} - {INACTIVE}
        needed |= {INACTIVE} if name in self.old.conditions else set()
        lacking = sorted(needed - {*found})
        if lacking and name != self.scenario.instance:
            raise BlackboxError(f"{path}: {name!r} has no code for {lacking[0]!r}")
        if not needed:
            raise BlackboxError(f"{self.old.path}: {name!r} should be categorical")
        return dict(found)


def _session(path: Path, known: Scenario) -> Any:
    """A session of one thread, whose inputs and output are those of the scenario."""
    try:
        import onnxruntime
    except ImportError as error:
        raise BlackboxError(f"a surrogate needs onnxruntime: pip install 'rungsim[yahpo]' ({error})") from error

    size = existing(path).stat().st_size
    if size > MOST_MODEL:
        raise BlackboxError(f"{path}: a model of {size} bytes, the most is {MOST_MODEL}")
    # Older versions follow a tensor's "location" to any file of the machine. The word is plain in the file's bytes.
    if b"location" in path.read_bytes():
        raise BlackboxError(f"{path}: keeps weights in other files, a model in one file is needed")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # what goes wrong is raised
    with damage(path):
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
        found = {x.name: (x.type, x.shape[-1] if x.shape else None) for x in session.get_inputs()}
        outputs = [x.shape[-1] if x.shape else None for x in session.get_outputs()]
    due = {"x_cat": ("tensor(int32)", len(known.categories)), "x_cont": ("tensor(float)", len(known.continuous))}
    if found != due or outputs != [len(known.targets)]:
        raise BlackboxError(
            f"{path}: takes {found} and gives {outputs}, the scenario {known.name} has {due} and {[len(known.targets)]}"
        )
    return session

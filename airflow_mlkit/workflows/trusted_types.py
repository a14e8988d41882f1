"""The types that a `model.skops` may hold beside those that skops trusts by itself.

What is made of them from a file: scikit-learn's objects get their attributes back; trees, neighbours' indices and
losses are made anew from numbers; XGBoost parses its own bytes; a `functools.partial` calls nothing, and skops looks at
the function in it as at a type of its own. So loading runs no code that a file brings along.

It is no shield against a file that was made to do harm: skops leaves `Tree` out because scikit-learn follows the
indices in it without a check, and a forged one can crash the process that scores. Against that stands the file's hash,
which `published.json` and the manifest hold.
"""

from __future__ import annotations

from collections.abc import Iterable

REVIEWED_TYPES: frozenset[str] = frozenset(
    {
        "functools.partial",
        "numpy.dtype",
        "numpy.mean",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "scipy.interpolate._bsplines.BSpline",
        "sklearn._loss.loss.HalfTweedieLoss",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.calibration._TemperatureScaling",
        "sklearn.compose._column_transformer.make_column_selector",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.feature_selection._univariate_selection.chi2",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.feature_selection._univariate_selection.f_regression",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.gaussian_process.kernels.ConstantKernel",
        "sklearn.gaussian_process.kernels.Product",
        "sklearn.gaussian_process.kernels.RBF",
        "sklearn.gaussian_process.kernels.Sum",
        "sklearn.gaussian_process.kernels.WhiteKernel",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._dist_metrics.ManhattanDistance64",
        "sklearn.metrics._dist_metrics.MinkowskiDistance64",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
        "sklearn.utils.validation.check_array",
        "xgboost.core.Booster",
        "xgboost.sklearn.XGBClassifier",
        "xgboost.sklearn.XGBRFClassifier",
        "xgboost.sklearn.XGBRFRegressor",
        "xgboost.sklearn.XGBRegressor",
    }
)


def is_own(name: str, package: str) -> bool:
    """Whether a type's full name lies in the project's package."""
    return name.startswith(f"{package}.")


def trusted_names(package: str, declared: Iterable[str]) -> set[str]:
    """The types that a model of a project may hold: the reviewed ones, and the project's own that it has declared."""
    return set(REVIEWED_TYPES) | {name for name in declared if is_own(name, package)}


def say_untrusted(name: str, package: str) -> str:
    """Why a type is refused, and the line to write or the code to change."""
    short = name.rpartition(".")[2]
    if "<lambda>" in name:
        return (
            f"{name} has no name to load it by: write a function with def in {package}/, and name it in trusted_types."
        )
    if "<locals>" in name:
        return f"{name} is made inside a function: move it to the top of a module of {package}/."
    if name.startswith("__main__."):
        return f"{short} is defined in __main__: move it into a module of {package}/."
    if is_own(name, package):
        return f"{name} is your own: add it to mlkit.yaml, as train.trusted_types: [{name}]"
    return (
        f"{name} is not on the reviewed list: use an estimator of scikit-learn or XGBoost, or write it in {package}/."
    )

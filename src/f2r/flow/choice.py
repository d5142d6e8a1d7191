"""Choose the flow estimator of a run."""

from f2r.errors import InputError
from f2r.flow.estimator import DisFlow, FlowEstimator
from f2r.flow.variational import VariationalFlow


def choose_flow(name: str) -> FlowEstimator:
    """Build an estimator from 'dis' or 'variational'.

    Raises:
        InputError: the name is unknown.
    """
    if name == "dis":
        return DisFlow()
    if name == "variational":
        return VariationalFlow()
    raise InputError(f"flow '{name}' is unknown: use dis or variational")

"""What you need to bring models of your own: contracts, compiled functions, and their checks."""

from tieout.market.models import (
    check_fee_model,
    check_fill_model,
    check_latency_model,
    check_queue_model,
    check_slippage_model,
    compiled_model,
)
from tieout.model.assumptions import FeeModel, FillModel, QueueModel, SlippageModel
from tieout.model.latencies import Journey, LatencyModel

__all__ = [
    "FeeModel",
    "FillModel",
    "Journey",
    "LatencyModel",
    "QueueModel",
    "SlippageModel",
    "check_fee_model",
    "check_fill_model",
    "check_latency_model",
    "check_queue_model",
    "check_slippage_model",
    "compiled_model",
]

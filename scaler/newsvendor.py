"""Which quantile to make ready, from what too little and too much cost."""


def newsvendor_quantile(*, miss_cost: float, idle_cost: float) -> float:
    """Return the quantile of demand at which one replica more costs as much as it saves.

    A replica-hour that is missing costs `miss_cost`, one that is idle `idle_cost`, both > 0. One
    more replica is idle with probability q and missing without it with 1 - q, so they balance at
    q = miss_cost / (miss_cost + idle_cost): the critical ratio (Arrow, Harris and Marschak 1951).
    """
    return miss_cost / (miss_cost + idle_cost)

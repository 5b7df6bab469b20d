"""The other side of `bench_purchases`: runs with an interpreter of its own, in which `lifetimes` is installed.

    python lifetimes_side.py CUSTOMERS.npz OUR_PARAMETERS.json

Prints, as JSON, for each model: the seconds of every fit, the parameters found, and the log likelihood of theirs and of
ours, both by lifetimes' own function.
"""

import json
import sys
import time
import warnings

import numpy as np
from lifetimes import BetaGeoFitter, ModifiedBetaGeoFitter

FITTERS = {"bg_nbd": BetaGeoFitter, "mbg_nbd": ModifiedBetaGeoFitter}
REPEATS = 5


def main():
    warnings.simplefilter("ignore")
    data = np.load(sys.argv[1])
    frequency, recency, age = data["frequency"], data["recency"], data["T"]
    with open(sys.argv[2]) as file:  # noqa: PTH123
        ours = json.load(file)
    found = {}
    for name, fitter in FITTERS.items():
        seconds = []
        for _ in range(REPEATS):
            model = fitter(penalizer_coef=0.0)
            start = time.perf_counter()
            model.fit(frequency, recency, age)
            seconds.append(time.perf_counter() - start)
        parameters = {key: float(value) for key, value in dict(model.params_).items()}
        weights = np.ones(len(frequency))

        def log_likelihood(parameters, fitter=fitter, weights=weights):
            at = np.log([parameters[key] for key in ("r", "alpha", "a", "b")])
            return float(-fitter._negative_log_likelihood(at, frequency, recency, age, weights, 0.0) * len(frequency))

        found[name] = {
            "seconds": seconds,
            "parameters": parameters,
            "theirs": log_likelihood(parameters),
            "ours": log_likelihood(ours[name]),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()

"""Fits Newton's law of cooling to a cup of coffee (the readings are made up) and says when it can be drunk."""

import numpy as np
from scipy.optimize import brentq, curve_fit

MINUTES = np.arange(0, 42, 3.0)
DEGREES = np.array([83.9, 77.4, 71.2, 66.3, 61.4, 57.6, 53.7, 50.6, 47.5, 45.2, 42.6, 40.8, 38.7, 37.4])
PLEASANT = 60.0


def temperature(minutes: np.ndarray, room: float, start: float, rate: float) -> np.ndarray:
    """Degrees Celsius after some minutes."""
    return room + (start - room) * np.exp(-rate * minutes)


found, covariance = curve_fit(temperature, MINUTES, DEGREES, p0=(20, 85, 0.03))
errors = np.sqrt(np.diag(covariance))
for name, unit, value, error in zip(("room", "start", "rate"), ("°C", "°C", "/min"), found, errors, strict=True):
    print(f"{name:<6}{value:8.3f} ± {error:.3f} {unit}")
rest = DEGREES - temperature(MINUTES, *found)
print(f"the fit is off by {rest.std():.2f} °C on average")
ready = brentq(lambda minutes: temperature(minutes, *found) - PLEASANT, 0, 60)
print(f"{PLEASANT:.0f} °C after {ready:.1f} minutes")

"""From a CSV to a table and a picture: bicycles that passed four counters in a spring (the numbers are made up).

Usage: analysis.py [PICTURE]; without one, the picture is shown where the host says.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

counts = pd.read_csv(Path(__file__).with_name("bicycles.csv"), parse_dates=["day"])
counts["weekend"] = counts["day"].dt.dayofweek > 4
counts["rain"] = pd.cut(counts["rain_mm"], [-1, 0, 4, 100], labels=["dry", "drizzle", "wet"])

by_rain = counts.groupby(["station", "rain"], observed=True)["bicycles"].mean().unstack().round().astype(int)
print(by_rain, end="\n\n")
by_day = counts.groupby(["station", "weekend"])["bicycles"].mean().unstack()
print("Weekend in percent of a working day:")
print((100 * by_day[True] / by_day[False]).round().astype(int).to_string())

figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
for station, rows in counts.groupby("station"):
    axes.plot(rows["day"], rows["bicycles"].rolling(7).mean(), label=station)
axes.set(title="Bicycles a day, mean of a week", ylim=0)
axes.legend(ncols=4, frameon=False)
if len(sys.argv) > 1:
    figure.savefig(sys.argv[1])
else:
    plt.show()
